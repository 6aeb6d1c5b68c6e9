//! Tasks with names. A panic ends its task, is logged as an error, and comes back to whoever started it; nothing else stops.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, Id, JoinHandle, JoinSet};

/// How a task ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It returned.
    Returned,
    /// It was aborted.
    Aborted,
    /// It panicked with these words.
    Panicked(String),
}

/// Tasks of one owner, each with a key. Dropping them aborts them all.
#[derive(Debug)]
pub struct Tasks<K> {
    set: JoinSet<()>,
    keys: HashMap<Id, (K, String)>,
}

impl<K> Default for Tasks<K> {
    fn default() -> Self {
        Self { set: JoinSet::new(), keys: HashMap::new() }
    }
}

impl<K> Tasks<K> {
    /// Starts a task. `key` comes back from [`Tasks::next`], `name` stands in the log.
    pub fn spawn(&mut self, key: K, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.spawn_on(&Handle::current(), key, name, task)
    }

    /// As [`Tasks::spawn`], on another runtime than the caller's.
    pub(crate) fn spawn_on(
        &mut self,
        runtime: &Handle,
        key: K,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> AbortHandle {
        let handle = self.set.spawn_on(task, runtime);
        self.keys.insert(handle.id(), (key, name.into()));
        handle
    }

    /// Whether no task runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The next task that ends; `None` if none is left. Nothing is lost if this is dropped before it is ready.
    pub async fn next(&mut self) -> Option<(K, Ended)> {
        loop {
            let (id, ended) = match self.set.join_next_with_id().await? {
                Ok((id, ())) => (id, Ended::Returned),
                Err(error) => {
                    let id = error.id();
                    (id, error.try_into_panic().map_or(Ended::Aborted, |panic| Ended::Panicked(words(panic.as_ref()))))
                }
            };
            if let Some((key, name)) = self.keys.remove(&id) {
                if let Ended::Panicked(panic) = &ended {
                    tracing::error!(task = name, panic, "a task panicked");
                }
                return Some((key, ended));
            }
        }
    }
}

/// Starts a task that belongs to nobody in particular. Aborting the handle ends it.
pub fn spawn(name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let mut tasks = Tasks::default();
    tasks.spawn((), name, task);
    #[expect(clippy::disallowed_methods, reason = "this is the supervision")]
    tokio::spawn(async move {
        tasks.next().await;
    })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_comes_back_with_its_key_and_the_others_go_on() {
        let mut tasks = Tasks::default();
        let other = tasks.spawn("other", "other", std::future::pending());
        tasks.spawn("bad", "bad", async { panic!("number {}", 7) });
        assert_eq!(tasks.next().await, Some(("bad", Ended::Panicked("number 7".to_owned()))));
        assert!(!other.is_finished());
        tasks.spawn("good", "good", async {});
        assert_eq!(tasks.next().await, Some(("good", Ended::Returned)));
        other.abort();
        assert_eq!(tasks.next().await, Some(("other", Ended::Aborted)));
        assert_eq!(tasks.next().await, None);
    }
}
