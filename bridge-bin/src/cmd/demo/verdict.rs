//! The end: both journals verified offline, the ledgers compared, attested counters held against the journals, and what all that means.

use std::sync::Arc;

use bridge_engine::Tally;
use bridge_journal::ReadOnly;
use bridge_provenance::{Report, Verdict as Proof};
use bridge_sim::Verdict;
use serde_json::{Value, json};

use super::folder::{Folder, Party};
use super::journals::{Sums, accepted, audit, flip, sums, tally, verify};
use super::ledgers::judge;
use super::story::Story;
use super::teller::Teller;
use crate::journal::Place;

/// Findings of the ledgers that are written out.
const FINDINGS: usize = 10;

/// What the demonstration came to.
pub(super) struct Outcome {
    links_up: u64,
    updates_in: u64,
    events_sealed: u64,
    events_delivered: u64,
    operations: Tally,
    verdict: Verdict,
    verified: bool,
    /// `lost`, `double`, `late`, `wrong`, `tampered`, `counters`; `story` if a step was not as told and none of these says why.
    failures: Vec<&'static str>,
}

impl Outcome {
    pub(super) fn as_told(&self) -> bool {
        self.failures.is_empty()
    }

    pub(super) fn json(&self, seconds: u32, seed: u64) -> Value {
        let Tally { completed, refused, expired, not_operated, indeterminate, .. } = self.operations;
        json!({
            "links_up": self.links_up,
            "updates_in": self.updates_in,
            "events_sealed": self.events_sealed,
            "events_delivered": self.events_delivered,
            "operations": {
                "completed": completed,
                "refused": refused,
                "expired": expired,
                "not_operated": not_operated,
                "indeterminate": indeterminate,
            },
            "lost": self.verdict.lost,
            "double": self.verdict.double,
            "late": self.verdict.late,
            "wrong": self.verdict.wrong,
            "verified": self.verified,
            "failures": self.failures,
            "seconds": seconds,
            "seed": seed,
        })
    }
}

/// Judges what the processes left behind.
pub(super) fn settle(story: Story<'_>, folder: &Folder, flip_byte: bool, teller: &Arc<Teller>) -> anyhow::Result<Outcome> {
    let (genco, sldc) = (Place::find(&folder.of(Party::Genco))?.open()?, Place::find(&folder.of(Party::Sldc))?.open()?);
    let mut unexpected = story.unexpected.clone();
    let mut readable = |journal: &ReadOnly, name: &str| {
        sums(journal).unwrap_or_else(|error| {
            unexpected.push(format!("expected a journal of the {name} bridge that can be read, saw: {error:#}"));
            Sums::default()
        })
    };
    let (sent, received) = (readable(&genco, "genco"), readable(&sldc, "sldc"));
    let operations = tally(&sldc).unwrap_or_default();
    match accepted(&genco) {
        Ok(accepted) => unexpected.extend(too_early(&story.answered_at_park, &accepted)),
        Err(error) => unexpected.push(format!("expected operations of the genco bridge that can be read, saw: {error:#}")),
    }
    let (agree, lies) = audit(&sent, &received);
    drop((genco, sldc));
    if flip_byte {
        let place = flip(&folder.of(Party::Genco))?;
        teller.tell("demo", &format!("flips one bit of the genco bridge's journal: {place}"));
    }

    let mut proofs = Vec::new();
    for party in [Party::Genco, Party::Sldc] {
        let proof = verify(&folder.of(party))?;
        teller.tell("demo", &proof_text(party, &proof));
        proofs.push(proof);
    }
    let verified = proofs.iter().all(|proof| proof.verdict == Proof::Verified);
    let events_sealed = proofs.first().map_or(0, |proof| proof.leaves);

    let (verdict, events_delivered) = judge(folder, &story)?;
    for finding in verdict.details.iter().take(FINDINGS) {
        teller.tell("demo", finding);
    }
    for lie in lies.iter().take(FINDINGS) {
        teller.tell("demo", &format!("counters: {lie}"));
    }

    let mut failures: Vec<&'static str> =
        [("lost", verdict.lost), ("double", verdict.double), ("late", verdict.late), ("wrong", verdict.wrong)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(word, _)| word)
            .collect();
    if !verified {
        failures.push("tampered");
    }
    if !lies.is_empty() {
        failures.push("counters");
    }
    if agree + lies.len() == 0 {
        unexpected.push("expected attestations of the genco bridge at the sldc bridge, saw none".to_owned());
    }
    for nack in sent.nacks.iter().chain(&received.nacks) {
        unexpected.push(format!("expected that each bridge takes what the other says, saw a refusal at the door: {nack}"));
    }
    if story.unexpected.is_empty() && received.alarms != ["U2.trip/alarm"] {
        unexpected.push(format!("expected one alarm at the sldc bridge, U2.trip/alarm, saw {:?}", received.alarms));
    }
    if failures.is_empty() && !unexpected.is_empty() {
        failures.push("story");
    }
    let outcome = Outcome {
        links_up: story.links_up,
        updates_in: sent.updates_in,
        events_sealed,
        events_delivered,
        operations,
        verdict,
        verified,
        failures,
    };
    summary(&outcome, story.held, &unexpected, agree, teller);
    Ok(outcome)
}

/// Answers of status 0 that did not wait for the far bridge's acceptance (R15): an EMS was told yes before anybody had said it.
fn too_early(answered: &[(String, f64, i64)], accepted: &[(String, f64, i64)]) -> Vec<String> {
    let waited = |(control, target, at): &&(String, f64, i64)| {
        !accepted.iter().any(|(of, wanted, when)| of == control && (wanted - target).abs() < 1e-6 && when <= at)
    };
    let early = answered.iter().filter(waited);
    early
        .map(|(control, target, _)| {
            format!("expected status 0 for {control} to {target} MW after the genco bridge's acceptance, saw it before")
        })
        .collect()
}

fn proof_text(party: Party, proof: &Report) -> String {
    let Report { batches, leaves, frames, .. } = proof;
    let problem = proof.first_problem.as_ref().map_or_else(String::new, |problem| format!(": {problem}"));
    let word = match proof.verdict {
        Proof::Verified => "VERIFIED",
        Proof::Tampered => "TAMPERED",
        Proof::Incomplete => "INCOMPLETE",
        Proof::UntrustedKey => "SIGNED BY AN UNKNOWN KEY",
    };
    format!("journal of the {} bridge: {word}, {leaves} leaves in {batches} signed batches, {frames} frames{problem}", party.name())
}

fn summary(outcome: &Outcome, held: u32, unexpected: &[String], agree: usize, teller: &Arc<Teller>) {
    let Outcome { verdict, operations, .. } = outcome;
    teller.line("");
    teller.line(&format!(
        "links up {}   updates in {}   leaves sealed {}   events at the EMSs {}   attestations that hold {agree}",
        outcome.links_up, outcome.updates_in, outcome.events_sealed, outcome.events_delivered
    ));
    teller.line(&format!(
        "operations: {} completed, {} held on the way, {} refused, {} expired, {} not operated, {} indeterminate",
        operations.completed, operations.partial, operations.refused, operations.expired, operations.not_operated, operations.indeterminate
    ));
    teller.line(&format!(
        "from the ledgers of both stations and both EMSs: {} lost, {} double, {} late, {} wrong ({} events, {} values, {} set-points compared)",
        verdict.lost, verdict.double, verdict.late, verdict.wrong, verdict.events, verdict.values, verdict.executions
    ));
    for unmet in unexpected {
        teller.line(&format!("not as told: {unmet}"));
    }
    if outcome.as_told() {
        teller.line(&format!("EVERYTHING AS TOLD: {held} checks held, in {:.0} s", teller.seconds()));
    } else {
        teller.line(&format!("NOT AS TOLD: {} ({held} checks held, in {:.0} s)", outcome.failures.join(", "), teller.seconds()));
    }
}
