//! What each reader has opened of a study, so that nobody signs what they did not see: objects by series, as a viewer loaded them.
//!
//! It is kept in memory: after a restart of the node a reader opens the study again before signing, which asks too much and never too little.

use crate::imaging::{ArchivedInstance, series_of_study};
use crate::session::Session;
use badiano_kernel::{Fault, Instant};
use badiano_store::View;
use std::collections::HashMap;

/// Studies opened by readers that are remembered; beyond it the oldest is opened again before signing.
const OPENED_MAX: usize = 20_000;
/// Series that bear no image to look at: reports, presentation states, key objects, plans (DICOM PS3.3 C.7.3.1.1.1).
const NOT_LOOKED_AT: [&str; 8] = ["SR", "PR", "KO", "DOC", "REG", "RTSTRUCT", "RTPLAN", "AU"];

#[derive(Default)]
pub(crate) struct Opened {
    studies: HashMap<(String, String), Seen>,
}

struct Seen {
    at: Instant,
    /// Objects of each series that the viewer has loaded.
    series: HashMap<String, u64>,
}

impl Opened {
    fn note(&mut self, key: (String, String), counted: HashMap<String, u64>, now: Instant) {
        if self.studies.len() >= OPENED_MAX && !self.studies.contains_key(&key) {
            let oldest = self.studies.iter().min_by_key(|(_, seen)| seen.at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.studies.remove(&oldest));
        }
        let seen = self.studies.entry(key).or_insert_with(|| Seen { at: now, series: HashMap::new() });
        seen.at = now;
        for (series, objects) in counted {
            let known = seen.series.entry(series).or_insert(0);
            *known = objects.max(*known);
        }
    }

    fn of(&self, key: &(String, String), series: &str) -> u64 {
        self.studies.get(key).and_then(|seen| seen.series.get(series)).copied().unwrap_or(0)
    }
}

impl Session {
    /// A viewer has loaded these objects of a study for who is signed in.
    pub fn note_opened(&self, found: &[ArchivedInstance]) {
        let Some(first) = found.first() else { return };
        let mut counted: HashMap<String, u64> = HashMap::new();
        for object in found {
            *counted.entry(object.series.clone()).or_insert(0) += 1;
        }
        self.note_opened_series(&first.study, counted);
    }

    /// The same by the number of objects of each series.
    pub(crate) fn note_opened_series(&self, study: &str, counted: HashMap<String, u64>) {
        let Some(staff) = self.principal().staff() else { return };
        let key = (staff.account.clone(), study.to_owned());
        let mut opened = self.node().opened_studies().lock().expect("no holder of what was opened panics");
        opened.note(key, counted, self.now());
    }

    /// Refuses when the study has images that this reader's viewer never loaded.
    pub(crate) fn has_opened(&self, view: &View<'_>, reader: &str, study: &str) -> Result<(), Fault> {
        let key = (reader.to_owned(), study.to_owned());
        let all = series_of_study(view, study)?;
        let opened = self.node().opened_studies().lock().expect("no holder of what was opened panics");
        let unseen = |(uid, modality, objects): &(String, String, u64)| {
            !NOT_LOOKED_AT.contains(&modality.as_str()) && opened.of(&key, uid) < *objects
        };
        if all.iter().any(unseen) {
            return Err(Fault::conflict("the study has images that you have not opened").at("images"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{OPENED_MAX, Opened};
    use badiano_kernel::Instant;
    use std::collections::HashMap;

    #[test]
    fn what_is_remembered_has_a_limit_and_the_oldest_goes_first() {
        let mut opened = Opened::default();
        let key = |n: usize| ("ana".to_owned(), format!("1.{n}"));
        for n in 0..=OPENED_MAX {
            let at = Instant::from_seconds(i64::try_from(n).expect("small"));
            opened.note(key(n), HashMap::from([("s".to_owned(), 3)]), at);
        }
        assert_eq!(opened.studies.len(), OPENED_MAX);
        assert_eq!((opened.of(&key(0), "s"), opened.of(&key(1), "s")), (0, 3));
        opened.note(key(1), HashMap::from([("s".to_owned(), 1)]), Instant::from_seconds(0));
        assert_eq!(opened.of(&key(1), "s"), 3, "one object shown again takes nothing back");
    }
}
