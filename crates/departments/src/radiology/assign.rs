//! Who reads what, when many hospitals share their readers: a pure function, fair by relative load, and each choice explained.
//!
//! Studies are given out by urgency, then by the moment they are due, which follows their age. Each goes to the reader who may
//! read it (a contract with the site, a licence that is good today, the subspecialty, not the one it must not go to) and has,
//! with it, the smallest part of their shift filled. Nothing is given beyond a shift; what nobody can take stays with the reason
//! why, for a person to see.

use std::collections::HashMap;

/// Studies and readers of one call; more are given out in turns.
pub const STUDIES_MAX: usize = 200_000;
pub const READERS_MAX: usize = 10_000;

/// A study that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Number of the institution that made it.
    pub site: u16,
    /// Number of its subspecialty, below 64.
    pub topic: u8,
    /// As `record::ledger::rank_of`: smaller cannot wait.
    pub rank: u32,
    /// Seconds since 1970.
    pub due: i64,
    /// Expected time to read it.
    pub minutes: u32,
    /// Who must not have it: who has read it already, of a case that two read.
    pub not: [Option<u32>; 2],
}

/// Someone who reads today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Institutions that have let them read their studies.
    pub sites: Vec<u16>,
    /// When the licence or certificate of the speciality ends, in seconds since 1970.
    pub licence_ends: i64,
    /// Bit n: reads subspecialty n.
    pub topics: u64,
    /// Minutes of reading in the shift.
    pub shift: u32,
    /// Of them already given away.
    pub taken: u32,
}

/// What became of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// To a reader: how many could have had it, which part of the shift is filled with it, in thousandths, and the study's
    /// place in the order of urgency and age, from 0.
    To { reader: u32, among: u32, filled: u32, place: u32 },
    /// Nobody reads for the site.
    NoSite,
    /// Somebody does, and no licence is good.
    NoLicence,
    /// Somebody may, and none of them reads this subspecialty.
    NoSubspecialty,
    /// Those who could are full, or it must not go to the only one left.
    NoTime,
}

/// Gives out the studies at a moment (seconds since 1970); the answer stands in their order. Too many at once are refused.
pub fn assign(studies: &[Waiting], readers: &[Reader], now: i64) -> Option<Vec<Given>> {
    if studies.len() > STUDIES_MAX || readers.len() > READERS_MAX {
        return None;
    }
    let mut order: Vec<u32> = (0..).take(studies.len()).collect();
    order.sort_by_key(|n| {
        let study = &studies[*n as usize];
        (study.rank, study.due, *n)
    });
    let mut taken: Vec<u32> = readers.iter().map(|r| r.taken).collect();
    let mut able = HashMap::new();
    let mut given = vec![Given::NoSite; studies.len()];
    for (place, n) in (0..).zip(order) {
        let study = &studies[n as usize];
        let of = (study.site, study.topic);
        let who: &Able = able.entry(of).or_insert_with(|| Able::of(study, readers, now));
        given[n as usize] = match who {
            Able::Nobody(why) => *why,
            Able::Some(who) => choose(who, place, study, readers, &mut taken),
        };
    }
    Some(given)
}

/// Who may read studies of one site and subspecialty, or why nobody may.
enum Able {
    Some(Vec<u32>),
    Nobody(Given),
}

impl Able {
    fn of(study: &Waiting, readers: &[Reader], now: i64) -> Able {
        let numbered = (0_u32..).zip(readers);
        let at_site: Vec<(u32, &Reader)> = numbered.filter(|(_, r)| r.sites.contains(&study.site)).collect();
        let licensed: Vec<&(u32, &Reader)> = at_site.iter().filter(|(_, r)| r.licence_ends > now).collect();
        let reads = |r: &Reader| study.topic < 64 && r.topics & (1 << study.topic) != 0;
        let able: Vec<u32> = licensed.iter().filter(|(_, r)| reads(r)).map(|(n, _)| *n).collect();
        match (at_site.is_empty(), licensed.is_empty(), able.is_empty()) {
            (true, _, _) => Able::Nobody(Given::NoSite),
            (_, true, _) => Able::Nobody(Given::NoLicence),
            (_, _, true) => Able::Nobody(Given::NoSubspecialty),
            _ => Able::Some(able),
        }
    }
}

/// The one of these whose shift is least filled with the study.
fn choose(who: &[u32], place: u32, study: &Waiting, readers: &[Reader], taken: &mut [u32]) -> Given {
    // Filled part of the shift as a fraction; of equal ones the first stays.
    let (mut best, mut among): (Option<(u32, u64, u64)>, u32) = (None, 0);
    for reader in who {
        let shift = readers[*reader as usize].shift;
        let with = taken[*reader as usize].saturating_add(study.minutes);
        if with > shift || study.not.contains(&Some(*reader)) {
            continue;
        }
        among += 1;
        let (with, shift) = (u64::from(with), u64::from(shift));
        if best.is_none_or(|(_, least, of)| with * of < least * shift) {
            best = Some((*reader, with, shift));
        }
    }
    let Some((reader, with, shift)) = best else { return Given::NoTime };
    taken[reader as usize] += study.minutes;
    let filled = u32::try_from(with * 1000 / shift.max(1)).unwrap_or(1000);
    Given::To { reader, among, filled, place }
}

#[cfg(test)]
mod tests {
    use super::{Given, Reader, STUDIES_MAX, Waiting, assign};
    use badiano_testkit::rng::Rng;

    const SEED: u64 = 1552;
    const CASES: u64 = 60;
    const NOW: i64 = 1_000_000;

    fn small(rng: &mut Rng, limit: u64) -> u32 {
        u32::try_from(rng.below(limit)).expect("small")
    }

    fn drawn(case: u64) -> (Vec<Waiting>, Vec<Reader>) {
        let mut rng = Rng::of(SEED, "assign", case);
        let site = |rng: &mut Rng| u16::try_from(rng.below(6)).expect("small");
        let readers = (0..rng.between(1, 25)).map(|_| Reader {
            sites: (0..rng.between(1, 4)).map(|_| site(&mut rng)).collect(),
            topics: rng.next_u64() & 0xff,
            licence_ends: if rng.percent(90) { NOW + 1 } else { NOW },
            shift: 60 * (1 + small(&mut rng, 8)),
            taken: small(&mut rng, 90),
        });
        let readers: Vec<Reader> = readers.collect();
        let studies = (0..rng.between(0, 400)).map(|_| Waiting {
            site: site(&mut rng),
            topic: u8::try_from(rng.below(9)).expect("small"),
            rank: small(&mut rng, 4),
            due: i64::from(small(&mut rng, 10_000)),
            minutes: 2 + small(&mut rng, 20),
            not: [(); 2].map(|()| rng.percent(5).then(|| small(&mut rng, 25))),
        });
        (studies.collect(), readers)
    }

    fn reader() -> Reader {
        Reader { sites: vec![1], licence_ends: NOW + 1, topics: 1, shift: 480, taken: 0 }
    }

    fn may(study: &Waiting, reader: &Reader, number: u32) -> bool {
        reader.sites.contains(&study.site)
            && reader.licence_ends > NOW
            && reader.topics & (1 << study.topic) != 0
            && !study.not.contains(&Some(number))
    }

    /// Why nobody at all may read a study, by the first condition that leaves nobody.
    fn reason(study: &Waiting, readers: &[Reader]) -> Given {
        let at_site = |r: &&Reader| r.sites.contains(&study.site);
        if !readers.iter().any(|r| at_site(&r)) {
            return Given::NoSite;
        }
        let licensed = |r: &&Reader| r.licence_ends > NOW;
        if !readers.iter().filter(at_site).any(|r| licensed(&r)) {
            return Given::NoLicence;
        }
        let mut able = readers.iter().filter(at_site).filter(licensed);
        assert!(!able.any(|r| r.topics & (1 << study.topic) != 0), "somebody reads it");
        Given::NoSubspecialty
    }

    /// Goes through what was given in the order of urgency and checks each choice against everybody else at that moment.
    fn check(case: u64) -> usize {
        let (studies, readers) = drawn(case);
        let given = assign(&studies, &readers, NOW).expect("few");
        let mut order: Vec<usize> = (0..studies.len()).collect();
        order.sort_by_key(|n| (studies[*n].rank, studies[*n].due, *n));
        let mut taken: Vec<u32> = readers.iter().map(|r| r.taken).collect();
        let mut done = 0;
        for (turn, n) in (0..).zip(order) {
            let study = &studies[n];
            let place = format!("seed {SEED}, case {case}, study {n}: {:?}", given[n]);
            let numbered = || (0_u32..).zip(&readers);
            let room = |number: u32, r: &Reader| taken[number as usize] + study.minutes <= r.shift;
            match given[n] {
                Given::To { reader, among, filled, place: at } => {
                    assert_eq!(at, turn, "{place}: its turn");
                    let own = &readers[reader as usize];
                    assert!(may(study, own, reader), "{place}: licence, subspecialty or exclusion");
                    assert!(room(reader, own), "{place}: beyond the shift");
                    let part = |number: u32, r: &Reader| {
                        f64::from(taken[number as usize] + study.minutes) / f64::from(r.shift)
                    };
                    let others: Vec<(u32, &Reader)> =
                        numbered().filter(|(m, r)| may(study, r, *m) && room(*m, r)).collect();
                    assert_eq!(others.len(), among as usize, "{place}: how many could have had it");
                    let least = others.iter().map(|(m, r)| part(*m, r)).fold(f64::MAX, f64::min);
                    assert!(part(reader, own) <= least + 1e-9, "{place}: somebody had more time left");
                    assert!((part(reader, own) * 1000.0 - f64::from(filled)).abs() < 1.0, "{place}");
                    taken[reader as usize] += study.minutes;
                    done += 1;
                }
                Given::NoTime => assert!(
                    !numbered().any(|(m, r)| may(study, r, m) && room(m, r)),
                    "{place}: somebody could have had it"
                ),
                why => assert_eq!(why, reason(study, &readers), "{place}"),
            }
        }
        done
    }

    #[test]
    fn every_study_goes_to_the_least_filled_who_may_read_it_or_says_why_to_nobody() {
        let done: usize = (0..CASES).map(check).sum();
        println!("seed {SEED}: {CASES} cases, {done} studies given");
        assert!(done > 1_000, "the cases are not empty: {done}");
    }

    #[test]
    fn equal_readers_end_within_one_study_of_each_other() {
        let study =
            |n: u32| Waiting { site: 1, topic: 0, rank: 3, due: 0, minutes: 5 + n % 7, not: [None; 2] };
        let studies: Vec<Waiting> = (0..500).map(study).collect();
        let readers = vec![reader(); 10];
        let mut load = [0; 10];
        for (study, given) in studies.iter().zip(assign(&studies, &readers, NOW).expect("few")) {
            let Given::To { reader, .. } = given else { panic!("there is time: {given:?}") };
            load[reader as usize] += study.minutes;
        }
        let (least, most) = (load.iter().min().expect("ten"), load.iter().max().expect("ten"));
        assert!(most - least <= 11, "{load:?}");
    }

    #[test]
    fn what_cannot_wait_is_given_first_when_time_is_short() {
        let study = |rank| Waiting { site: 1, topic: 0, rank, due: 0, minutes: 10, not: [None; 2] };
        let one = [Reader { shift: 10, ..reader() }];
        let given = assign(&[study(3), study(0)], &one, NOW).expect("few");
        assert_eq!(given, [Given::NoTime, Given::To { reader: 0, among: 1, filled: 1000, place: 0 }]);
    }

    #[test]
    fn the_second_reading_never_goes_to_the_first_reader() {
        let study = Waiting { site: 1, topic: 0, rank: 3, due: 0, minutes: 1, not: [Some(0), None] };
        let one = [reader()];
        assert_eq!(assign(&[study], &one, NOW).expect("few"), [Given::NoTime]);
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let study = Waiting { site: 1, topic: 0, rank: 3, due: 0, minutes: 1, not: [None; 2] };
        assert!(assign(&vec![study; STUDIES_MAX + 1], &[], NOW).is_none());
    }
}
