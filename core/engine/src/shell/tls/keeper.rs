//! Reads the files of a link's TLS, and again whenever they change. A broken file changes nothing but the log.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bridge_model::{Mono, Now, Utc};
use tokio::task::JoinHandle;

use super::material::Material;
use super::{Problem, Tls};

/// What tells one content of a file from another: time, length, number on the disk.
type Stamp = (PathBuf, Option<(SystemTime, u64, u64)>);

/// What a look found.
enum Found {
    Same,
    New { stamps: Vec<Stamp>, material: Option<Box<Material>>, problems: Vec<Problem> },
}

/// What a look means for the link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// Everyone is to be judged again by new files.
    Changed(String),
    /// For the log: a file is broken, or something will soon be refused.
    Told(String),
}

/// The files of one link.
pub(crate) struct Keeper {
    tls: Arc<Tls>,
    material: Option<Arc<Material>>,
    stamps: Vec<Stamp>,
    looking: Option<JoinHandle<Found>>,
    next: Mono,
    told: BTreeSet<String>,
    waiting: VecDeque<Look>,
}

impl Keeper {
    pub(crate) fn new(tls: Tls) -> Self {
        Self {
            tls: Arc::new(tls),
            material: None,
            stamps: Vec::new(),
            looking: None,
            next: Mono(0),
            told: BTreeSet::new(),
            waiting: VecDeque::new(),
        }
    }

    /// What the files say; nothing before they were good once.
    pub(crate) fn material(&self) -> Option<&Arc<Material>> {
        self.material.as_ref()
    }

    pub(crate) fn tls_shared(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// When to be polled again, if nothing wakes us before.
    pub(crate) fn deadline(&self) -> Mono {
        if self.looking.is_some() { Mono::NEVER } else { self.next }
    }

    /// Looks at the files when it is time. Reading happens on a thread that may wait for a disk.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Now) -> Poll<Look> {
        loop {
            if let Some(look) = self.waiting.pop_front() {
                return Poll::Ready(look);
            }
            let Some(looking) = &mut self.looking else {
                if self.next > now.mono {
                    return Poll::Pending;
                }
                let (tls, stamps, empty) = (Arc::clone(&self.tls), self.stamps.clone(), self.material.is_none());
                self.looking = Some(tokio::task::spawn_blocking(move || look(&tls, stamps, empty, now.utc)));
                continue;
            };
            let Poll::Ready(found) = Pin::new(looking).poll(cx) else { return Poll::Pending };
            self.looking = None;
            self.next = now.mono + self.tls.reload;
            match found {
                Ok(Found::New { stamps, material, problems }) => {
                    self.stamps = stamps;
                    self.take(material, &problems);
                }
                Ok(Found::Same) => {}
                Err(error) => self.tell(format!("the TLS files could not be read: {error}")),
            }
            let warnings = self.material.as_ref().map(|material| material.warnings(now.utc)).unwrap_or_default();
            for warning in warnings {
                self.tell(warning);
            }
        }
    }

    fn take(&mut self, material: Option<Box<Material>>, problems: &[Problem]) {
        let kept = if self.material.is_some() { "; the files before stay in force" } else { "; the link waits for good files" };
        for problem in problems.iter().filter(|problem| !problem.warning) {
            self.tell(format!("TLS `{}`: {problem}{kept}", problem.field));
        }
        let Some(material) = material else { return };
        if let Some(back) = self.material.as_ref().and_then(|old| material.goes_back(old)) {
            self.tell(format!("TLS `crl`: {back}{kept}"));
            return;
        }
        self.told.clear();
        self.waiting.push_back(Look::Changed(format!("TLS files read: {}", material.summary())));
        self.material = Some(Arc::from(material));
    }

    /// Each text once, until the files change.
    fn tell(&mut self, text: String) {
        if self.told.insert(text.clone()) {
            self.waiting.push_back(Look::Told(text));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
    }
}

/// `empty`: nothing is in force, so unchanged files are tried again (a certificate may have become valid).
fn look(tls: &Tls, before: Vec<Stamp>, empty: bool, now: Utc) -> Found {
    let stamps: Vec<Stamp> = tls.files().map(|file| (file.clone(), stamp(file))).collect();
    if stamps == before && !empty {
        return Found::Same;
    }
    let (material, problems) = Material::read(tls, now);
    Found::New { stamps, material: material.map(Box::new), problems }
}

fn stamp(file: &PathBuf) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
