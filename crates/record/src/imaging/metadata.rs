//! Metadata of whole studies and series as WADO-RS gives them: put together once, and given until the study changes (PS3.18 10.4.1.1.2).

use super::serve::archived;
use crate::audit::Act;
use crate::session::Session;
use badiano_kernel::Fault;
use badiano_store::{InstanceFound, Stub};
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Bytes of metadata that are kept ready; the one that was asked for longest ago goes first.
pub const KEPT_BYTES_MAX: usize = 64 << 20;
/// One that takes more of them than this is put together each time.
const KEPT_EACH_MAX: usize = KEPT_BYTES_MAX / 4;
/// What the metadata of one CT image take.
const BYTES_USUAL: usize = 3 << 10;

/// A JSON array with the metadata of every object.
pub struct ServedMetadata {
    pub body: Bytes,
    /// Another one whenever any object is another.
    pub mark: [u8; 32],
    pressed: OnceLock<Bytes>,
    /// What decides who may see it.
    stubs: Vec<Stub>,
    /// Objects of each series.
    series: HashMap<String, u64>,
}

impl ServedMetadata {
    /// The pressed form, made by the first who asks for it.
    pub fn pressed(&self, press: impl FnOnce(&[u8]) -> Vec<u8>) -> Bytes {
        self.pressed.get_or_init(|| Bytes::from(press(&self.body))).clone()
    }
}

/// Study, series (all: empty) and the base before bulk data.
type Key = (String, String, String);

#[derive(Default)]
pub(crate) struct Kept {
    all: HashMap<Key, Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    /// The study's place in the order of changes when it was put together.
    changed: u64,
    used: u64,
    served: Arc<ServedMetadata>,
}

impl Kept {
    fn get(&mut self, key: &Key, changed: u64) -> Option<Arc<ServedMetadata>> {
        self.clock += 1;
        let entry = self.all.get_mut(key).filter(|e| e.changed == changed)?;
        entry.used = self.clock;
        Some(entry.served.clone())
    }

    fn put(&mut self, key: Key, changed: u64, served: Arc<ServedMetadata>) {
        // The pressed form takes less than as much again.
        let size = |s: &ServedMetadata| 2 * s.body.len();
        if size(&served) > KEPT_EACH_MAX {
            return;
        }
        self.clock += 1;
        self.bytes += size(&served);
        let entry = Entry { changed, used: self.clock, served };
        let mut gone = self.all.insert(key, entry);
        loop {
            self.bytes -= gone.map_or(0, |e| size(&e.served));
            if self.bytes <= KEPT_BYTES_MAX {
                return;
            }
            let oldest = self.all.iter().min_by_key(|(_, e)| e.used).map(|(k, _)| k.clone());
            gone = oldest.and_then(|key| self.all.remove(&key));
        }
    }
}

impl Session {
    /// The metadata of a study, or of one of its series, with `base` before bulk data; not found when none may be seen. A viewer
    /// that loads them opens the study.
    pub fn served_metadata(
        &self,
        study: &str,
        series: Option<&str>,
        base: &str,
    ) -> Result<Arc<ServedMetadata>, Fault> {
        self.may_see_images()?;
        let key = (study.to_owned(), series.unwrap_or_default().to_owned(), base.to_owned());
        let changed = self.node().store().read(|view| view.study_changed(study))?;
        let kept = self.kept_metadata().get(&key, changed);
        if let Some(kept) = kept.filter(|k| k.stubs.iter().all(|stub| self.sees(stub))) {
            self.note_study(kept.stubs.first().map_or(0, |s| s.pat), study)?;
            self.note_opened_series(study, kept.series.clone());
            return Ok(kept);
        }
        let (changed, found) =
            self.node().store().read(|v| Ok((v.study_changed(study)?, v.instances(study, series)?)))?;
        let all = found.len();
        let seen = self.shown(found, study)?;
        let whole = seen.len() == all;
        let served = Arc::new(put_together(seen, base)?);
        self.note_opened_series(study, served.series.clone());
        if whole {
            self.kept_metadata().put(key, changed, served.clone());
        }
        Ok(served)
    }

    fn kept_metadata(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.node().kept_metadata().lock().expect("no holder of the kept metadata panics")
    }

    pub(super) fn note_study(&self, pat: i64, study: &str) -> Result<(), Fault> {
        let key = self.node().store().read(|view| crate::patient_index::key_of(view, pat))?;
        let patients: Vec<String> = key.map(|k| k.id).into_iter().collect();
        self.note(Act::Read, "retrieve-images", &patients, study)
    }
}

fn put_together(found: Vec<InstanceFound>, base: &str) -> Result<ServedMetadata, Fault> {
    let mut body = Vec::with_capacity(found.len() * BYTES_USUAL);
    let mut mark = Context::new(&SHA256);
    mark.update(b"metadata");
    mark.update(base.as_bytes());
    let mut stubs: Vec<Stub> = Vec::new();
    let mut series: HashMap<String, u64> = HashMap::new();
    body.push(b'[');
    for (n, one) in found.into_iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        let stub = one.stub();
        if !stubs.contains(&stub) {
            stubs.push(stub);
        }
        *series.entry(one.series.clone()).or_insert(0) += 1;
        let one = archived(one)?;
        mark.update(one.sha256());
        one.append_metadata(base, &mut body)?;
    }
    body.push(b']');
    let mark = mark.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
    Ok(ServedMetadata { body: Bytes::from(body), mark, pressed: OnceLock::new(), stubs, series })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(bytes: usize) -> Arc<ServedMetadata> {
        let body = Bytes::from(vec![b' '; bytes]);
        Arc::new(ServedMetadata {
            body,
            mark: [0; 32],
            pressed: OnceLock::new(),
            stubs: Vec::new(),
            series: HashMap::new(),
        })
    }

    fn key(n: usize) -> Key {
        (format!("1.{n}"), String::new(), String::new())
    }

    #[test]
    fn what_was_kept_is_given_until_the_study_changes() {
        let mut kept = Kept::default();
        kept.put(key(1), 7, served(10));
        assert!(kept.get(&key(1), 7).is_some());
        assert!(kept.get(&key(1), 8).is_none(), "the study has changed");
        assert!(kept.get(&key(2), 7).is_none());
        kept.put(key(1), 8, served(20));
        assert_eq!((kept.all.len(), kept.bytes), (1, 40), "the new one stands in the old one's place");
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_the_longest_unused_goes_first() {
        let mut kept = Kept::default();
        let each = KEPT_EACH_MAX / 2;
        for n in 0..4 {
            kept.put(key(n), 1, served(each));
        }
        assert_eq!(kept.bytes, KEPT_BYTES_MAX);
        assert!(kept.get(&key(0), 1).is_some(), "used again");
        kept.put(key(4), 1, served(each));
        assert_eq!(kept.bytes, KEPT_BYTES_MAX);
        assert!(kept.get(&key(1), 1).is_none() && kept.get(&key(0), 1).is_some());
        kept.put(key(9), 1, served(each + 1));
        assert!(kept.get(&key(9), 1).is_none(), "too large to be kept");
    }
}
