//! Generates the gRPC code from `proto/` with a protobuf compiler written in Rust, where a feature wants gRPC.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "client")]
    generate()?;
    Ok(())
}

#[cfg(feature = "client")]
fn generate() -> Result<(), Box<dyn std::error::Error>> {
    use prost::Message as _;

    let files =
        ["admin", "audit", "authority", "fleet", "review"].map(|name| format!("countersign/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    // The same descriptors that the code is made from answer reflection.
    std::fs::write(out.join("countersign.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_server(cfg!(feature = "server")).compile_fds(descriptors)?;
    Ok(())
}
