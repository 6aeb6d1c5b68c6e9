//! The one thread that waits for the disk.

use std::io;
use std::sync::mpsc as blocking;

use bridge_journal::{SyncDone, SyncJob};
use tokio::sync::mpsc;

/// Commits that may be out. The journal gives one at a time.
const COMMITS: usize = 1;

/// Runs commits on a thread of its own, in order.
pub(crate) struct Committer {
    jobs: blocking::SyncSender<SyncJob>,
    done: mpsc::Receiver<SyncDone>,
    out: usize,
}

/// The thread has ended or takes nothing more; no commit will ever come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lost;

impl Committer {
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, todo) = blocking::sync_channel::<SyncJob>(COMMITS);
        let (finished, done) = mpsc::channel(COMMITS);
        std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
            while let Ok(job) = todo.recv() {
                if finished.blocking_send(job.run()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { jobs, done, out: 0 })
    }

    pub(crate) fn run(&mut self, job: SyncJob) -> Result<(), Lost> {
        self.out += 1;
        self.jobs.try_send(job).map_err(|_| Lost)
    }

    pub(crate) async fn next(&mut self) -> Result<SyncDone, Lost> {
        let done = self.done.recv().await.ok_or(Lost)?;
        self.out = self.out.saturating_sub(1);
        Ok(done)
    }

    pub(crate) const fn idle(&self) -> bool {
        self.out == 0
    }
}
