//! Why the shell ended on its own.

/// What ends a running bridge. Everything else is handled where it happens.
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A thread could not be started.
    #[error("cannot start the {name} thread")]
    Thread {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The thread that commits has ended: nothing would become durable any more.
    #[error("the thread that commits to the disk has ended")]
    Committer,
    /// The engine itself panicked. Nothing it holds may be trusted; the journal is recovered at the next start.
    #[error("the engine panicked")]
    Engine,
}
