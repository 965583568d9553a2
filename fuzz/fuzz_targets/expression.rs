//! Any text as a condition: it compiles or there is a fault with a place in it; what compiles says the same twice,
//! whatever the parameters are.
#![no_main]

use countersign::operation::Operation;
use countersign::policy::expression::Expression;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub)]
#[path = "../../tests/expression/world.rs"]
mod world;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (source, parameters) = bytes.split_at(split);
    let Ok(source) = core::str::from_utf8(source) else { return };
    match Expression::compile(source) {
        Ok(condition) => {
            let mut world = world::World::new();
            let parameters = parameters.get(1..).unwrap_or_default();
            if let Ok(operation) = Operation::from_json("db.delete", "prod/Orders", parameters) {
                world.parameters = operation.parameters();
                world.operation = operation;
            }
            assert_eq!(condition.holds(&world.inputs()), condition.holds(&world.inputs()));
            assert_eq!(Expression::compile(condition.source()), Ok(condition));
        }
        Err(fault) => {
            assert!(source.is_char_boundary(fault.offset), "a fault beside the source");
            assert!(fault.to_string().len() < 1000 && !fault.to_string().contains('\n'));
        }
    }
});
