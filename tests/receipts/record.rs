//! Receipts coming into the record: of tokens that were minted here, once each, whoever brings them.

use crate::kit::Key;
use crate::support::FLEET;
use crate::world::{World, noon, world};
use countersign::audit::event::{Event, Outcome, Receipted};
use countersign::clock::Clock as _;
use countersign::condition::{ConditionKind, ExecutionFacts};
use countersign::operation::Operation;
use countersign::party::{AgentId, ExecutorId, TxnId};
use countersign::replay::memory::MemoryGuard;
use countersign::sidecar::{Caller, Granted, MAX_RECEIPTS, Report, SidecarError, SignedReceipt};
use countersign::store::Store as _;
use countersign::token::{
    Claims, Executor, Presented, Receipt, ReceiptError, UseOutcome, VerifiedOperation, VerifierConfig,
};
use std::time::Duration;

/// A use of a token, and who signs for it.
struct Use {
    world: World,
    txn: TxnId,
    verified: VerifiedOperation,
    key: Key,
    certificates: Vec<String>,
}

fn verify(world: &World, granted: &Granted) -> VerifiedOperation {
    let enforced =
        [ConditionKind::Canary, ConditionKind::TimeWindow, ConditionKind::Mask, ConditionKind::RowLimit];
    let executor = Executor::new(ExecutorId::new(FLEET).unwrap(), enforced).unwrap();
    let verifier = VerifierConfig::new(world.sidecar.issuance.anchor().clone(), executor).build().unwrap();
    let certificates: Vec<&str> = granted.certificates.iter().map(String::as_str).collect();
    let presented = Presented {
        token: &granted.token,
        certificates: &certificates,
        operation: Operation::from_op_bytes(&granted.op_bytes).unwrap(),
        facts: &ExecutionFacts::default(),
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    verifier
        .verify(presented, world.clock.now(), &MemoryGuard::new(noon().minus(Duration::from_secs(60))))
        .unwrap()
}

async fn granted(world: &World) -> Granted {
    let ask = World::ask("orders.read", "db/staging/orders", "{}");
    world.sidecar.authorize(ask).await.unwrap().granted.unwrap()
}

impl Use {
    async fn of_a_token() -> Self {
        let world = world();
        let granted = granted(&world).await;
        let verified = verify(&world, &granted);
        let Claims { txn, .. } = verified.claims().clone();
        let key = Key::named("executor");
        let executor = ExecutorId::new(FLEET).unwrap();
        let certificates = world.keys().certify_executor(&executor, &key.public, noon()).unwrap();
        Self { world, txn, verified, key, certificates }
    }

    fn receipt(&self, outcome: UseOutcome, after: u64) -> SignedReceipt {
        let begun = Receipt::begun(&self.verified, &ExecutionFacts::default(), noon()).unwrap();
        self.signed(&begun.ended(outcome, noon().plus(Duration::from_secs(after))))
    }

    fn signed(&self, receipt: &Receipt) -> SignedReceipt {
        let receipt = self.key.sign(receipt.signing_input(&self.key.public).unwrap());
        SignedReceipt { receipt, certificates: self.certificates.clone() }
    }

    async fn add(&self, receipt: SignedReceipt) -> Result<(u64, bool), ReceiptError> {
        match self.world.sidecar.add_receipt(receipt).await {
            Ok(taken) => Ok((taken.index, taken.known)),
            Err(SidecarError::Receipt(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    fn recorded(&self) -> Vec<Receipted> {
        let event = |index| self.world.store.record(index).unwrap().event;
        let receipt = |event| if let Event::Receipted(receipt) = event { Some(*receipt) } else { None };
        (0..self.world.store.len()).map(event).filter_map(receipt).collect()
    }
}

#[tokio::test]
async fn a_receipt_is_recorded_once_and_a_second_one_beside_it() {
    let used = Use::of_a_token().await;
    let first = used.receipt(UseOutcome::Unknown, 0);
    let (index, known) = used.add(first.clone()).await.unwrap();
    assert!(!known);
    assert_eq!(used.add(first.clone()).await, Ok((index, true)));
    let (later, known) = used.add(used.receipt(UseOutcome::Succeeded, 5)).await.unwrap();
    assert!(later > index && !known);
    let recorded = used.recorded();
    let brief = |r: &Receipted| (r.txn, r.executor.to_string(), r.outcome);
    assert_eq!(
        recorded.iter().map(brief).collect::<Vec<_>>(),
        [(used.txn, FLEET.to_owned(), Outcome::Unknown), (used.txn, FLEET.to_owned(), Outcome::Succeeded)]
    );
    assert_eq!((&recorded[0].receipt, &recorded[0].certificates), (&first.receipt, &first.certificates));
}

#[tokio::test]
async fn there_is_an_end_to_how_many_are_kept() {
    let used = Use::of_a_token().await;
    // An auditor says what this is: one token, used again and again.
    used.world.make_up_events();
    for after in 0..MAX_RECEIPTS {
        used.add(used.receipt(UseOutcome::Failed, after as u64)).await.unwrap();
    }
    assert_eq!(used.add(used.receipt(UseOutcome::Failed, 29)).await, Err(ReceiptError::TooMany));
    assert!(used.add(used.receipt(UseOutcome::Failed, 0)).await.unwrap().1, "one that is there still is");
    assert_eq!(used.recorded().len(), MAX_RECEIPTS);
}

#[tokio::test]
async fn a_receipt_of_anything_else_is_refused() {
    let used = Use::of_a_token().await;
    let good = used.receipt(UseOutcome::Succeeded, 1);
    // Of a token that another sidecar of the same trust domain might have minted: here it is nobody's.
    let other = Use::of_a_token().await;
    let text = crate::kit::claims_of(&good.receipt);
    let raw = |claims: String| SignedReceipt {
        receipt: used.key.jws(&used.key.header("countersign-receipt+jwt"), claims.as_bytes()),
        certificates: used.certificates.clone(),
    };
    let with = |from: String, to: String| raw(text.replace(&from, &to));
    let (jti, txn) = (used.verified.claims().jti.to_string(), used.txn.to_string());
    let op = used.verified.claims().operation.to_string();
    assert_eq!(used.add(with(txn, other.txn.to_string())).await, Err(ReceiptError::NotMinted));
    let other_jti = other.verified.claims().jti.to_string();
    assert_eq!(used.add(with(jti, other_jti)).await, Err(ReceiptError::OtherToken));
    assert_eq!(used.add(with(op, "A".repeat(43))).await, Err(ReceiptError::OtherToken));
    // Another executor of the house signs with its own key, for itself and for this one.
    let neighbour = ExecutorId::new("exec:neighbour").unwrap();
    let certificates = used.world.keys().certify_executor(&neighbour, &used.key.public, noon()).unwrap();
    let for_this = SignedReceipt { certificates: certificates.clone(), ..good.clone() };
    assert_eq!(used.add(for_this).await, Err(ReceiptError::KeyScope));
    let for_itself = with(format!("\"sub\":\"{FLEET}\""), "\"sub\":\"exec:neighbour\"".to_owned());
    let for_itself = SignedReceipt { certificates, ..for_itself };
    assert_eq!(used.add(for_itself).await, Err(ReceiptError::OtherToken));
    // The agent, with a key that it made.
    let thief = Key::named("agent");
    let forged = thief.jws(&thief.header("countersign-receipt+jwt"), text.as_bytes());
    let forged = SignedReceipt { receipt: forged, certificates: used.certificates.clone() };
    assert_eq!(used.add(forged).await, Err(ReceiptError::KeyUnknown(None)));
    // The token's own key.
    let minting = used.world.sidecar.issuance.current(noon()).unwrap();
    let with_minting = SignedReceipt { certificates: minting.chain().to_vec(), ..good.clone() };
    assert_eq!(used.add(with_minting).await.unwrap_err().code(), "key.unknown");
    used.world.keys().revoke(used.key.public.id()).unwrap();
    drop(used.world.sidecar.issuance.refresh(noon()).unwrap());
    assert_eq!(used.add(good).await, Err(ReceiptError::KeyRevoked));
    assert!(used.recorded().is_empty());
}

#[tokio::test]
async fn an_agent_carries_a_receipt_of_its_own_decision_and_no_other() {
    let used = Use::of_a_token().await;
    let report = |txn, receipt: Option<SignedReceipt>| Report {
        txn,
        outcome: Outcome::Succeeded,
        code: String::new(),
        detail: String::new(),
        receipt,
    };
    let second = granted(&used.world).await;
    let second = verify(&used.world, &second).claims().txn;
    let good = used.receipt(UseOutcome::Succeeded, 1);
    let (caller, before) = (World::caller(), used.world.store.len());
    let to = |txn, receipt| used.world.sidecar.report(&caller, report(txn, receipt));
    let refused = to(second, Some(good.clone())).await.unwrap_err();
    assert_eq!(refused, SidecarError::Receipt(ReceiptError::OtherToken));
    let mut edited = good.clone();
    edited.receipt.truncate(100);
    assert!(matches!(to(used.txn, Some(edited)).await, Err(SidecarError::Receipt(_))));
    let stranger = Caller { agent: AgentId::new("agent:other").unwrap(), on_behalf_of: None };
    let not_its_own = used.world.sidecar.report(&stranger, report(used.txn, Some(good.clone()))).await;
    assert_eq!(not_its_own, Err(SidecarError::UnknownDecision(used.txn)));
    assert_eq!(used.world.store.len(), before, "nothing of that is recorded");
    to(used.txn, Some(good.clone())).await.unwrap();
    assert_eq!(used.world.store.len(), before + 2, "the report and the receipt");
    to(used.txn, Some(good)).await.unwrap();
    assert_eq!(used.world.store.len(), before + 3, "the report again, the receipt once");
    assert_eq!(used.recorded().len(), 1);
}
