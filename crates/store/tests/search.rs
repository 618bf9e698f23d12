//! The index against brute force: random questions over random populations must agree, hidden things leaving no trace.

use crate::place::{Dice, Place, at};
use badiano_fhir::search::query::{Include, Test};
use badiano_fhir::search::{Entry, Filter, Key, Modifier, Prefix, Query, Sort, Total};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{FaultKind, Instant};
use badiano_store::{Expect, Put, Store, Stub, pat_of};
use std::cmp::Ordering;

/// One resource of the population, as brute force knows it.
#[derive(Clone)]
struct Known {
    kind: &'static str,
    id: String,
    entries: Vec<Entry>,
    class: u64,
    /// Place in the order of changes.
    change: usize,
    updated: Instant,
}

const NAMES: [&str; 8] = ["muñoz", "Munoz", "Muñozledo", "García", "garcia lopez", "Ñandú", "O'Hara", "Li"];
const SYSTEMS: [&str; 3] = ["", "http://loinc.org", "http://snomed.info/sct"];
const CODES: [&str; 4] = ["a", "b", "c", "d"];
const UNITS: [&str; 3] = ["mg", "g", "mm[Hg]"];
const DAY: i64 = 86_400;

fn fold(text: &str) -> String {
    text.to_lowercase().replace('ñ', "n").replace('í', "i").replace('ú', "u")
}

fn entry(param: &str, key: Key) -> Entry {
    Entry { param: param.into(), key }
}

fn token(dice: &mut Dice) -> Key {
    Key::Token { system: (*dice.pick(&SYSTEMS)).into(), code: (*dice.pick(&CODES)).into(), text: "".into() }
}

fn quantity(dice: &mut Dice) -> Key {
    let value = f64::from(u32::try_from(dice.roll(200)).expect("small")) / 10.0;
    let unit = *dice.pick(&UNITS);
    let canonical = match unit {
        "mg" => Some(((value - 0.05) / 1000.0, (value + 0.05) / 1000.0, "g".into())),
        "g" => Some((value - 0.05, value + 0.05, "g".into())),
        _ => None,
    };
    let system = "http://unitsofmeasure.org".into();
    Key::Quantity { low: value - 0.05, high: value + 0.05, system, code: unit.into(), canonical }
}

/// A day, a second, a year or several years.
fn span(dice: &mut Dice) -> (Instant, Instant) {
    let from = i64::try_from(dice.roll(3_000)).expect("small") * DAY;
    let width = *dice.pick(&[1, DAY, 366 * DAY, 2_000 * DAY]);
    (at(from), at(from + width))
}

fn reference(kind: &str, id: &str) -> Key {
    Key::Reference { kind: kind.into(), id: id.into(), url: "".into(), identifier: None }
}

fn patient(dice: &mut Dice, n: usize) -> (String, Vec<Entry>) {
    let mut entries = Vec::new();
    for _ in 0..dice.roll(3) {
        let name = *dice.pick(&NAMES);
        entries.push(entry("name", Key::Text { folded: fold(name).into(), exact: name.into() }));
    }
    if !dice.one_in(5) {
        entries.push(entry("gender", token(dice)));
    }
    (format!("p{n}"), entries)
}

fn observation(dice: &mut Dice, n: usize, patients: usize) -> (String, Vec<Entry>) {
    let mut entries = vec![entry("code", token(dice))];
    if !dice.one_in(8) {
        let id = format!("p{}", dice.roll_usize(patients + 2));
        entries.push(entry("patient", reference("Patient", &id)));
        entries.push(entry("subject", reference("Patient", &id)));
    } else {
        entries.push(entry("subject", reference("Group", "p1")));
    }
    for _ in 0..dice.roll(3) {
        let (from, to) = span(dice);
        entries.push(entry("date", Key::Date { from, to }));
    }
    if !dice.one_in(3) {
        let value = quantity(dice);
        entries
            .push(entry("code-value-quantity", Key::Composite(vec![entries[0].key.clone(), value.clone()])));
        entries.push(entry("value-quantity", value));
    }
    if dice.one_in(2) {
        let value = f64::from(u32::try_from(dice.roll(20)).expect("small"));
        entries.push(entry("rank", Key::Number { low: value - 0.5, high: value + 0.5 }));
    }
    if dice.one_in(3) {
        entries.push(entry("method", Key::Uri((*dice.pick(&["urn:a", "urn:b"])).into())));
    }
    if n > 0 && dice.one_in(3) {
        entries.push(entry("derived-from", reference("Observation", &format!("o{}", dice.roll_usize(n)))));
    }
    (format!("o{n}"), entries)
}

/// Writes a population; some resources are written twice and some deleted, as brute force knows.
fn populate(store: &Store, dice: &mut Dice, patients: usize, observations: usize) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::new();
    for (change, n) in (0..patients + observations + 40).enumerate() {
        let again = n >= patients + observations;
        let old = again.then(|| dice.roll_usize(patients + observations));
        let number = old.unwrap_or(n);
        let (kind, (id, entries)) = if number < patients {
            ("Patient", patient(dice, number))
        } else {
            ("Observation", observation(dice, number - patients, patients))
        };
        all.retain(|k| !(k.kind == kind && k.id == id));
        let class = if dice.one_in(4) { 2 } else { 1 };
        let now = at(i64::try_from(dice.roll(1_000)).expect("small"));
        let known = Known { kind, id, entries, class, change, updated: now };
        if again && dice.one_in(2) {
            let id = known.id.clone();
            store.write(move |tx| tx.delete(kind, &id, Expect::Any, now)).wait().expect("deleted");
            continue;
        }
        all.push(known.clone());
        let put = move |tx: &mut badiano_store::Tx<'_>| {
            let body = fhir!({ "resourceType": kind, "id": (known.id.as_str()) });
            let pats: Vec<i64> = match kind {
                "Patient" => vec![pat_of(&known.id)],
                _ => known.entries.iter().filter_map(patient_of).collect(),
            };
            let (id, entries, class) = (known.id.as_str(), known.entries.as_slice(), known.class);
            tx.put(Put {
                kind,
                id,
                expect: Expect::Any,
                body: &body,
                entries,
                pats: &pats,
                class,
                source: "A",
                now,
            })
        };
        store.write(put).wait().expect("written");
    }
    all
}

fn patient_of(entry: &Entry) -> Option<i64> {
    match &entry.key {
        Key::Reference { kind, id, .. } if &*entry.param == "patient" && &**kind == "Patient" => {
            Some(pat_of(id))
        }
        _ => None,
    }
}

fn filter(dice: &mut Dice, kind: &str, depth: usize) -> Filter {
    if dice.one_in(12) {
        return Filter::Compartment { name: "Patient".into(), id: format!("p{}", dice.roll(13)).into() };
    }
    if depth < 2 && dice.one_in(6) {
        let inner = vec![filter(dice, kind, depth + 1), filter(dice, kind, depth + 1)];
        return match dice.roll(3) {
            0 => Filter::All(inner),
            1 => Filter::Any(inner),
            _ => Filter::Not(Box::new(filter(dice, kind, depth + 1))),
        };
    }
    if kind == "Patient" {
        match dice.roll(5) {
            0 | 1 => name_filter(dice),
            2 => token_filter(dice, "gender"),
            3 if depth < 2 => Filter::Has {
                source: "Observation".into(),
                param: (*dice.pick(&["patient", "subject"])).into(),
                filter: Box::new(filter(dice, "Observation", depth + 1)),
            },
            _ => id_filter(dice, 'p'),
        }
    } else {
        observation_filter(dice, depth)
    }
}

fn observation_filter(dice: &mut Dice, depth: usize) -> Filter {
    let prefix = *dice.pick(&PREFIXES);
    match dice.roll(11) {
        0 | 1 => token_filter(dice, "code"),
        2 | 3 => {
            let (from, to) = span(dice);
            param("date", Modifier::None, vec![Test::Date { prefix, from, to }])
        }
        4 => {
            let test = quantity_test(dice, prefix);
            param("value-quantity", Modifier::None, vec![test])
        }
        5 => {
            let value = f64::from(u32::try_from(dice.roll(20)).expect("small"));
            param("rank", Modifier::None, vec![Test::Number { prefix, low: value - 0.5, high: value + 0.5 }])
        }
        6 | 7 => {
            let kind = (!dice.one_in(3)).then(|| "Patient".into());
            let test = Test::Reference { kind, id: format!("p{}", dice.roll(14)).into(), url: "".into() };
            let name: &str = ["patient", "subject"][dice.roll_usize(2)];
            param(name, Modifier::None, vec![test])
        }
        8 if depth < 2 => Filter::Chain {
            param: "subject".into(),
            target: "Patient".into(),
            filter: Box::new(filter(dice, "Patient", depth + 1)),
        },
        9 if depth < 2 => Filter::Has {
            source: "Observation".into(),
            param: "derived-from".into(),
            filter: Box::new(filter(dice, "Observation", depth + 1)),
        },
        10 => {
            let code = Test::Token { system: None, code: Some((*dice.pick(&CODES)).into()) };
            let value = quantity_test(dice, prefix);
            param("code-value-quantity", Modifier::None, vec![Test::Composite(vec![code, value])])
        }
        _ => param("method", Modifier::None, vec![Test::Uri("urn:a".into())]),
    }
}

const PREFIXES: [Prefix; 9] = [
    Prefix::Eq,
    Prefix::Ne,
    Prefix::Gt,
    Prefix::Lt,
    Prefix::Ge,
    Prefix::Le,
    Prefix::Sa,
    Prefix::Eb,
    Prefix::Ap,
];

fn param(name: &str, modifier: Modifier, any_of: Vec<Test>) -> Filter {
    Filter::Param { param: name.into(), modifier, any_of }
}

fn name_filter(dice: &mut Dice) -> Filter {
    let name = *dice.pick(&NAMES);
    let cut: String = name.chars().take(1 + dice.roll_usize(5)).collect();
    let (text, modifier) = match dice.roll(4) {
        0 => (name.to_owned(), Modifier::Exact),
        1 => (cut, Modifier::Contains),
        2 => return param("name", Modifier::Missing(dice.one_in(2)), vec![]),
        _ => (cut, Modifier::None),
    };
    param("name", modifier, vec![Test::Text { folded: fold(&text).into(), exact: text.into() }])
}

fn token_filter(dice: &mut Dice, name: &str) -> Filter {
    let mut tests = Vec::new();
    for _ in 0..=dice.roll(2) {
        tests.push(match dice.roll(3) {
            0 => Test::Token { system: None, code: Some((*dice.pick(&CODES)).into()) },
            1 => Test::Token { system: Some((*dice.pick(&SYSTEMS)).into()), code: None },
            _ => Test::Token {
                system: Some((*dice.pick(&SYSTEMS)).into()),
                code: Some((*dice.pick(&CODES)).into()),
            },
        });
    }
    match dice.roll(6) {
        0 => param(name, Modifier::Not, tests),
        1 => param(name, Modifier::Missing(dice.one_in(2)), vec![]),
        _ => param(name, Modifier::None, tests),
    }
}

fn id_filter(dice: &mut Dice, letter: char) -> Filter {
    let one = |dice: &mut Dice| Test::Token {
        system: None,
        code: Some(format!("{letter}{}", dice.roll(20)).into()),
    };
    let tests = vec![one(dice), one(dice)];
    param("_id", if dice.one_in(5) { Modifier::Not } else { Modifier::None }, tests)
}

fn quantity_test(dice: &mut Dice, prefix: Prefix) -> Test {
    let Key::Quantity { low, high, system, code, canonical } = quantity(dice) else {
        unreachable!("it is one")
    };
    match dice.roll(3) {
        0 => Test::Quantity { prefix, low, high, system: None, code: None, canonical: None },
        1 => Test::Quantity { prefix, low, high, system: None, code: Some(code), canonical: None },
        _ => Test::Quantity { prefix, low, high, system: Some(system), code: Some(code), canonical },
    }
}

/// Brute force: every resource is looked at, each filter as search.html words it.
struct Brute<'a> {
    all: &'a [Known],
    sees: &'a dyn Fn(&Known) -> bool,
}

impl Brute<'_> {
    fn visible(&self, kind: &str) -> Vec<&Known> {
        self.all.iter().filter(|k| k.kind == kind && (self.sees)(k)).collect()
    }

    fn holds(&self, filter: &Filter, on: &Known) -> bool {
        match filter {
            Filter::All(all) => all.iter().all(|f| self.holds(f, on)),
            Filter::Any(any) => any.iter().any(|f| self.holds(f, on)),
            Filter::Not(one) => !self.holds(one, on),
            Filter::Compartment { id, .. } if on.kind == "Patient" => *on.id == **id,
            Filter::Compartment { id, .. } => {
                let own = reference("Patient", id);
                on.entries.iter().any(|e| &*e.param == "patient" && e.key == own)
            }
            Filter::Chain { param, target, filter } => {
                let others = self.visible(target);
                others.iter().any(|other| refers(on, param, other) && self.holds(filter, other))
            }
            Filter::Has { source, param, filter } => {
                let others = self.visible(source);
                others.iter().any(|other| refers(other, param, on) && self.holds(filter, other))
            }
            Filter::Param { param, modifier, any_of } => {
                let mut keys: Vec<Key> =
                    on.entries.iter().filter(|e| e.param == *param).map(|e| e.key.clone()).collect();
                if &**param == "_id" {
                    keys.push(Key::Token { system: "".into(), code: on.id.as_str().into(), text: "".into() });
                }
                let hit = keys.iter().any(|key| any_of.iter().any(|test| says(key, test, *modifier)));
                match modifier {
                    Modifier::Missing(asked) => keys.is_empty() == *asked,
                    Modifier::Not => !hit,
                    _ => hit,
                }
            }
        }
    }
}

fn refers(from: &Known, param: &str, to: &Known) -> bool {
    let to = reference(to.kind, &to.id);
    from.entries.iter().any(|e| &*e.param == param && e.key == to)
}

fn says(key: &Key, test: &Test, modifier: Modifier) -> bool {
    match (key, test) {
        (Key::Token { system, code, .. }, Test::Token { system: s, code: c }) => {
            (s.is_none() || s.as_ref() == Some(system)) && (c.is_none() || c.as_ref() == Some(code))
        }
        (Key::Text { folded, exact }, Test::Text { folded: f, exact: e }) => match modifier {
            Modifier::Exact => exact == e,
            Modifier::Contains => folded.contains(&**f),
            _ => folded.starts_with(&**f),
        },
        (Key::Date { from, to }, Test::Date { prefix, from: f, to: t }) => {
            let contained = f <= from && to <= t;
            match prefix {
                Prefix::Eq => contained,
                Prefix::Ne => !contained,
                Prefix::Gt => to > t,
                Prefix::Lt => from < f,
                Prefix::Ge => contained || to > t,
                Prefix::Le => contained || from < f,
                Prefix::Sa => from >= t,
                Prefix::Eb => to <= f,
                Prefix::Ap => from < t && f < to,
            }
        }
        (Key::Number { low, high }, Test::Number { prefix, low: l, high: h }) => {
            compares(*prefix, (*low, *high), (*l, *h))
        }
        (
            Key::Quantity { low, high, system, code, canonical },
            Test::Quantity { prefix, low: l, high: h, system: s, code: c, canonical: base },
        ) => {
            let as_written =
                c.is_none() || (c.as_ref() == Some(code) && (s.is_none() || s.as_ref() == Some(system)));
            match (as_written, canonical, base) {
                (true, _, _) => compares(*prefix, (*low, *high), (*l, *h)),
                (false, Some((low, high, unit)), Some((l, h, u))) => {
                    unit == u && compares(*prefix, (*low, *high), (*l, *h))
                }
                _ => false,
            }
        }
        (Key::Reference { kind, id, .. }, Test::Reference { kind: k, id: i, .. }) => {
            id == i && k.as_ref().is_none_or(|k| k == kind)
        }
        (Key::Uri(a), Test::Uri(b)) => a == b,
        (Key::Composite(keys), Test::Composite(tests)) => {
            keys.iter().zip(tests).all(|(k, t)| says(k, t, Modifier::None))
        }
        _ => false,
    }
}

fn compares(prefix: Prefix, (low, high): (f64, f64), (l, h): (f64, f64)) -> bool {
    let (value, wanted) = ((low + high) / 2.0, (l + h) / 2.0);
    let near = (value - wanted).abs() <= 1e-9 * value.abs().max(wanted.abs());
    let equal = near || (l <= value && value < h);
    match prefix {
        Prefix::Eq => equal,
        Prefix::Ne => !equal,
        Prefix::Gt | Prefix::Sa => value > wanted && !near,
        Prefix::Lt | Prefix::Eb => value < wanted && !near,
        Prefix::Ge => value > wanted || near,
        Prefix::Le => value < wanted || near,
        Prefix::Ap => low <= h && l <= high,
    }
}

/// The lowest (highest) moment or text under the one parameter that the test sorts by.
fn brute_order(sort: &[Sort], a: &Known, b: &Known) -> Ordering {
    for by in sort {
        let key = |k: &Known| -> Option<i64> {
            match &*by.param {
                "_lastUpdated" => Some(k.updated.micros),
                _ => {
                    let dates = k.entries.iter().filter_map(|e| match &e.key {
                        Key::Date { from, to } if *e.param == *by.param => {
                            Some(if by.descending { to.micros } else { from.micros })
                        }
                        _ => None,
                    });
                    if by.descending { dates.max() } else { dates.min() }
                }
            }
        };
        let ordered = match (key(a), key(b)) {
            (Some(a), Some(b)) if by.descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        if ordered != Ordering::Equal {
            return ordered;
        }
    }
    b.change.cmp(&a.change)
}

fn random_query(dice: &mut Dice) -> Query {
    let kind = *dice.pick(&["Patient", "Observation", "Observation"]);
    let sort = match dice.roll(4) {
        0 => vec![Sort { param: "date".into(), descending: dice.one_in(2) }],
        1 => vec![Sort { param: "_lastUpdated".into(), descending: dice.one_in(2) }],
        _ => vec![],
    };
    Query {
        kind: kind.into(),
        filters: (0..dice.roll(4)).map(|_| filter(dice, kind, 0)).collect(),
        sort,
        count: 1 + dice.roll_usize(30),
        offset: if dice.one_in(3) { dice.roll_usize(20) } else { 0 },
        total: *dice.pick(&[Total::Accurate, Total::Estimate, Total::None]),
        ..Query::default()
    }
}

/// Beyond the page of such a question nothing is looked for.
fn follows_references(filter: &Filter) -> bool {
    match filter {
        Filter::Chain { .. } | Filter::Has { .. } => true,
        Filter::All(inner) | Filter::Any(inner) => inner.iter().any(follows_references),
        Filter::Not(inner) => follows_references(inner),
        Filter::Param { .. } | Filter::Compartment { .. } => false,
    }
}

#[test]
fn random_questions_agree_with_brute_force_and_hidden_resources_leave_no_trace() {
    let mut dice = Dice::seeded("search against brute force");
    let (mut cases, mut hits) = (0, 0);
    // Steps are small against the populations, so that all ways to a page are taken.
    for (observations, questions, step) in [(120, 500, 256), (120, 500, 1), (120, 500, 4), (900, 100, 16)] {
        let place = Place::new();
        let store = place.open_stepping(step);
        let all = populate(&store, &mut dice, 12, observations);
        for _ in 0..questions {
            let query = random_query(&mut dice);
            let mask = *dice.pick(&[1, 3]);
            let sees = |k: &Known| k.class & !mask == 0;
            let brute = Brute { all: &all, sees: &sees };
            let mut expected = brute.visible(&query.kind);
            expected.retain(|k| query.filters.iter().all(|f| brute.holds(f, k)));
            expected.sort_by(|a, b| brute_order(&query.sort, a, b));
            let page: Vec<&str> =
                expected.iter().skip(query.offset).take(query.count).map(|k| k.id.as_str()).collect();
            let visible = |stub: &Stub| stub.class & !mask == 0;
            let found = store.read(|view| view.search(&query, &visible)).expect("a fair question");
            let ids: Vec<&str> = found.hits.iter().map(|h| h.id.as_str()).collect();
            assert_eq!(ids, page, "seed above, mask {mask}, {query:#?}");
            let told = match query.total {
                Total::Accurate => true,
                Total::None => false,
                Total::Estimate => {
                    let beyond = if query.filters.iter().any(follows_references) { 0 } else { 100 };
                    !query.sort.is_empty() || expected.len() <= query.offset + query.count + beyond
                }
            };
            assert_eq!(found.total, told.then_some(expected.len()), "seed above, {query:#?}");
            cases += 1;
            hits += ids.len();
        }
    }
    println!("{cases} questions, {hits} hits on their pages");
    assert!(hits > cases, "the questions find something");
}

#[test]
fn pages_show_each_hit_once_while_others_are_written() {
    let mut dice = Dice::seeded("pages while others are written");
    let (mut cases, mut pages) = (0, 0);
    for _ in 0..3 {
        let place = Place::new();
        let store = place.open_stepping(4);
        let all = populate(&store, &mut dice, 12, 120);
        for _ in 0..40 {
            let mut query = Query { offset: 0, count: 1 + dice.roll_usize(12), ..random_query(&mut dice) };
            let sees = |_: &Known| true;
            let brute = Brute { all: &all, sees: &sees };
            let mut expected = brute.visible(&query.kind);
            expected.retain(|k| query.filters.iter().all(|f| brute.holds(f, k)));
            let mut seen: Vec<String> = Vec::new();
            loop {
                let found = store.read(|view| view.search(&query, &|_| true)).expect("a fair question");
                seen.extend(found.hits.iter().map(|h| h.id.clone()));
                pages += 1;
                rewrite(&store, dice.pick(&all));
                match found.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
            // Writes between two questions change the order of those that are equal, so only presence is compared.
            seen.sort();
            expected.sort_by(|a, b| a.id.cmp(&b.id));
            let expected: Vec<&str> = expected.iter().map(|k| k.id.as_str()).collect();
            assert_eq!(seen, expected, "seed above, {query:#?}");
            cases += 1;
        }
    }
    println!("{cases} questions on {pages} pages");
}

/// A new version with the same content.
fn rewrite(store: &Store, known: &Known) {
    let known = known.clone();
    let put = move |tx: &mut badiano_store::Tx<'_>| {
        let body = fhir!({ "resourceType": (known.kind), "id": (known.id.as_str()) });
        let pats: Vec<i64> = match known.kind {
            "Patient" => vec![pat_of(&known.id)],
            _ => known.entries.iter().filter_map(patient_of).collect(),
        };
        let (kind, id, class, now) = (known.kind, known.id.as_str(), known.class, known.updated);
        let (entries, expect, source) = (known.entries.as_slice(), Expect::Any, "A");
        tx.put(Put { kind, id, expect, body: &body, entries, pats: &pats, class, source, now })
    };
    store.write(put).wait().expect("written");
}

fn small(store: &Store) {
    let put = |tx: &mut badiano_store::Tx<'_>, kind: &str, id: &str, class: u64, entries: &[Entry]| {
        let body: Value = fhir!({ "resourceType": kind, "id": id });
        let pats = [];
        let expect = Expect::Any;
        tx.put(Put { kind, id, expect, body: &body, entries, pats: &pats, class, source: "", now: at(0) })
    };
    store
        .write(move |tx| {
            put(tx, "Organization", "org", 1, &[])?;
            put(tx, "Patient", "p1", 1, &[entry("organization", reference("Organization", "org"))])?;
            put(tx, "Patient", "p2", 1, &[])?;
            for (id, patient, class) in [("o1", "p1", 1), ("o2", "p1", 2), ("o3", "p2", 1), ("o4", "gone", 1)]
            {
                put(tx, "Observation", id, class, &[entry("subject", reference("Patient", patient))])?;
            }
            Ok(())
        })
        .wait()
        .expect("written");
}

fn include(source: &str, param: &str, iterate: bool) -> Include {
    Include { source: source.into(), param: param.into(), target: None, iterate }
}

#[test]
fn includes_follow_references_both_ways_and_bring_nothing_hidden_or_twice() {
    let place = Place::new();
    let store = place.open();
    small(&store);
    let query = Query {
        kind: "Observation".into(),
        count: 10,
        include: vec![include("Observation", "subject", false), include("Patient", "organization", true)],
        revinclude: vec![include("Observation", "subject", true)],
        ..Query::default()
    };
    let visible = |stub: &Stub| stub.class == 1;
    let found = store.read(|view| view.search(&query, &visible)).expect("a fair question");
    let ids = |of: &[badiano_store::Stored]| -> Vec<String> { of.iter().map(|s| s.id.clone()).collect() };
    assert_eq!(ids(&found.hits), ["o4", "o3", "o1"]);
    assert_eq!(found.total, Some(3));
    assert_eq!(ids(&found.included), ["p2", "p1", "org"], "o2 is hidden, the hits are there already");
    let back = Query {
        kind: "Patient".into(),
        count: 1,
        offset: 1,
        revinclude: vec![include("Observation", "subject", false)],
        ..Query::default()
    };
    let found = store.read(|view| view.search(&back, &visible)).expect("a fair question");
    assert_eq!((ids(&found.hits), ids(&found.included)), (vec!["p1".to_owned()], vec!["o1".to_owned()]));
}

#[test]
fn what_is_not_offered_is_refused_by_name() {
    let place = Place::new();
    let store = place.open();
    small(&store);
    for modifier in [Modifier::Above, Modifier::Below, Modifier::In, Modifier::NotIn] {
        let test = Test::Token { system: None, code: Some("a".into()) };
        let query = Query {
            kind: "Observation".into(),
            count: 1,
            filters: vec![param("code", modifier, vec![test])],
            ..Query::default()
        };
        let refused = store.read(|view| view.search(&query, &|_| true)).expect_err("it is not offered");
        assert_eq!(refused.kind, FaultKind::NotSupported, "{modifier:?}");
    }
    let mut deep = param("code", Modifier::Missing(true), vec![]);
    for _ in 0..20 {
        deep = Filter::Chain { param: "subject".into(), target: "Patient".into(), filter: Box::new(deep) };
    }
    let query = Query { kind: "Observation".into(), count: 1, filters: vec![deep], ..Query::default() };
    let refused = store.read(|view| view.search(&query, &|_| true)).expect_err("too deep");
    assert_eq!(refused.kind, FaultKind::TooCostly);
}
