//! The whole bridge as the controlling station: its interrogations go through journal and disk.

use std::sync::Arc;

use anyhow::Result;
use bridge_engine::Bridge;
use bridge_engine::shell::SystemClock;
use serde_json::Value;

use crate::GI_POINTS;
use crate::measure::{Folder, connecting, drive, parts, plan, signer};

/// Runs against a station on this port until the input ends. The station measures.
pub(crate) fn run(port: u16) -> Result<()> {
    let folder = Folder::new("gi");
    let clock = SystemClock::new();
    // With w = 1 the N(R) shows when a frame became durable, also of the last frames, which otherwise wait lawfully for t2.
    let plan = Arc::new(plan(1, 1));
    let bridge = Bridge::new(parts(&plan, Box::new(signer()?), &folder, clock.now())?, clock.now())?;
    let (bridge, _) = drive(bridge, connecting(&plan, &[port]), clock, async {
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
        Ok(Value::Null)
    })?;
    anyhow::ensure!(bridge.journal_failure().is_none(), "the journal failed");
    anyhow::ensure!(bridge.counters().updates_journaled >= GI_POINTS as u64, "interrogated points have no leaf");
    Ok(())
}
