//! The disk that a crash leaves: what was synced, and of the rest all, a part or nothing, in any order.

use super::trace::{Action, Op, Trace};
use crate::Rng;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file or folder, whatever its name is now.
type Node = usize;
type Names = BTreeMap<PathBuf, Node>;

#[derive(Default)]
struct Disk {
    /// As programs see it.
    now: Names,
    /// Whose name is on the disk for certain.
    durable: Names,
    /// Names given and taken since, with when the call ended.
    pending: Vec<(usize, NameChange)>,
    contents: HashMap<Node, Content>,
    made: Node,
}

#[derive(Clone)]
enum NameChange {
    Given(PathBuf, Node),
    Taken(PathBuf),
}

#[derive(Default)]
struct Content {
    is_folder: bool,
    durable: Vec<u8>,
    /// Changes since, with when the call ended.
    pending: Vec<(usize, Change)>,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// Lays down at `to` what was below `from`, after a crash just before line `at` of the log.
pub fn crash(trace: &Trace, at: usize, from: &Path, to: &Path, rng: &mut Rng) -> io::Result<()> {
    let mut disk = Disk::default();
    for op in trace.ops.iter().filter(|op| op.began < at) {
        disk.take(op, at);
    }
    disk.lay_down(from, to, rng)
}

impl Disk {
    fn take(&mut self, op: &Op, at: usize) {
        let ended = op.ended;
        match &op.action {
            Action::Create { path, truncate } => {
                let node = match self.now.get(path) {
                    Some(node) => *node,
                    None => self.make(path, false, ended),
                };
                if *truncate {
                    self.change(node, ended, Change::Length(0));
                }
            }
            Action::MakeFolder { path } => drop(self.make(path, true, ended)),
            Action::Write { path, at, data } => {
                if let Some(node) = self.now.get(path) {
                    self.change(*node, ended, Change::Write(*at, data.clone()));
                }
            }
            Action::Truncate { path, length } => {
                if let Some(node) = self.now.get(path) {
                    self.change(*node, ended, Change::Length(*length));
                }
            }
            Action::Remove { path } => {
                self.now.remove(path);
                self.pending.push((ended, NameChange::Taken(path.clone())));
            }
            Action::Rename { from, to } => {
                if let Some(node) = self.now.remove(from) {
                    self.now.insert(to.clone(), node);
                    self.pending.push((ended, NameChange::Taken(from.clone())));
                    self.pending.push((ended, NameChange::Given(to.clone(), node)));
                }
            }
            // One that had not returned promises nothing.
            Action::Sync { path } if ended < at => self.sync(path, op.began),
            Action::Sync { .. } | Action::Say { .. } => {}
        }
    }

    fn make(&mut self, path: &Path, is_folder: bool, ended: usize) -> Node {
        self.made += 1;
        self.contents.insert(self.made, Content { is_folder, ..Content::default() });
        self.now.insert(path.to_owned(), self.made);
        self.pending.push((ended, NameChange::Given(path.to_owned(), self.made)));
        self.made
    }

    fn change(&mut self, node: Node, ended: usize, change: Change) {
        if let Some(content) = self.contents.get_mut(&node) {
            content.pending.push((ended, change));
        }
    }

    /// Covers what had ended when it began: of a file its content, of a folder the names in it.
    fn sync(&mut self, path: &Path, began: usize) {
        if let Some(content) = self.now.get(path).and_then(|node| self.contents.get_mut(node)) {
            let covered = std::mem::take(&mut content.pending);
            for (ended, change) in covered {
                if ended < began {
                    change.apply(&mut content.durable);
                } else {
                    content.pending.push((ended, change));
                }
            }
        }
        for (ended, change) in std::mem::take(&mut self.pending) {
            if ended < began && change.folder() == Some(path) {
                change.apply(&mut self.durable);
            } else {
                self.pending.push((ended, change));
            }
        }
    }

    fn lay_down(mut self, from: &Path, to: &Path, rng: &mut Rng) -> io::Result<()> {
        let mut names = self.durable;
        for (_, change) in self.pending {
            if rng.percent(50) {
                change.apply(&mut names);
            }
        }
        // A file system that keeps the order, or one that keeps none.
        let in_order = rng.percent(40);
        for (path, node) in names {
            let (Some(content), Ok(below)) = (self.contents.remove(&node), path.strip_prefix(from)) else {
                continue;
            };
            let place = to.join(below);
            // What is in a folder whose own name is lost, is lost with it.
            if !place.parent().is_some_and(Path::exists) {
                continue;
            }
            if content.is_folder {
                fs::create_dir(&place)?;
            } else {
                // Modes are not recorded: our programs make all of their files for themselves alone.
                let mut file = File::options().write(true).create_new(true).mode(0o600).open(&place)?;
                file.write_all(&content.after_the_crash(in_order, rng))?;
            }
        }
        Ok(())
    }
}

impl Content {
    fn after_the_crash(self, in_order: bool, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.durable;
        let mut pending: Vec<Change> = self.pending.into_iter().map(|(_, change)| change).collect();
        if in_order {
            pending.truncate(rng.below(pending.len() as u64 + 1) as usize);
            pending.iter().for_each(|change| change.apply(&mut bytes));
            return bytes;
        }
        rng.shuffle(&mut pending);
        for change in pending {
            match (rng.below(3), change) {
                (0, change) => change.apply(&mut bytes),
                (1, Change::Write(at, mut data)) => {
                    data.truncate(rng.below(data.len() as u64 + 1) as usize);
                    Change::Write(at, data).apply(&mut bytes);
                }
                _ => {}
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(length) => bytes.resize(*length as usize, 0),
            // One of which nothing arrived.
            Change::Write(_, data) if data.is_empty() => {}
            Change::Write(at, data) => {
                let (from, to) = (*at as usize, *at as usize + data.len());
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[from..to].copy_from_slice(data);
            }
        }
    }
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        let (NameChange::Given(path, _) | NameChange::Taken(path)) = self;
        path.parent()
    }

    fn apply(self, names: &mut Names) {
        match self {
            NameChange::Given(path, node) => drop(names.insert(path, node)),
            NameChange::Taken(path) => drop(names.remove(&path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Op, Path, Rng, Trace, crash};
    use std::collections::BTreeSet;

    fn trace(actions: Vec<Action>) -> Trace {
        let lines = actions.len();
        let ops = actions.into_iter().enumerate();
        Trace { ops: ops.map(|(n, action)| Op { began: n, ended: n, action }).collect(), lines }
    }

    /// Every content that a file may have after a crash at a line; `None` where it is not there.
    fn contents(trace: &Trace, at: usize) -> BTreeSet<Option<String>> {
        let mut found = BTreeSet::new();
        for seed in 0..200 {
            let to = std::env::temp_dir().join(format!("badiano-disk-{}-{at}-{seed}", std::process::id()));
            std::fs::create_dir(&to).expect("a folder");
            crash(trace, at, Path::new("/r"), &to, &mut Rng::new(seed)).expect("laid down");
            found.insert(std::fs::read_to_string(to.join("f")).ok());
            std::fs::remove_dir_all(&to).expect("removed");
        }
        found
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be_lost_or_torn() {
        let path = || Path::new("/r/f").to_owned();
        let write = |at, data: &str| Action::Write { path: path(), at, data: data.into() };
        let trace = trace(vec![
            Action::Create { path: path(), truncate: false },
            write(0, "ab"),
            Action::Sync { path: path() },
            Action::Sync { path: Path::new("/r").to_owned() },
            write(2, "cd"),
            Action::Remove { path: path() },
        ]);
        let some = |texts: &[&str]| texts.iter().map(|t| Some((*t).to_owned())).collect::<BTreeSet<_>>();
        let may_be = |texts: &[&str]| some(texts).into_iter().chain([None]).collect::<BTreeSet<_>>();
        assert_eq!(contents(&trace, 2), may_be(&["", "a", "ab"]), "nothing is synced");
        assert_eq!(contents(&trace, 3), may_be(&["ab"]), "the content is, the name is not");
        assert_eq!(contents(&trace, 4), some(&["ab"]));
        assert_eq!(contents(&trace, 5), some(&["ab", "abc", "abcd"]));
        assert_eq!(contents(&trace, 6), may_be(&["ab", "abc", "abcd"]));
    }
}
