//! Registrations of people who are hard to tell apart: the same person written down several times with the errors of a desk, beside
//! twins, newborns under their mother's name, fathers and sons of one name, siblings of one home and homonyms.
//!
//! Rates are those of a bad registry, not of a good one: almost half of the records have no CURP, a third another home than before.

use crate::people::{self, Person};
use crate::rng::Rng;
use crate::vocabulary::given_names;
use badiano_fhir::{Value, fhir};
use badiano_mexico::{Curp, Date, PersonName, entity, naming};

/// A record and the one whom it is of.
#[derive(Debug, Clone)]
pub struct Registration {
    pub patient: Value,
    /// The same number for each record of one person.
    pub who: usize,
}

/// Two people whom somebody might take for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookalike {
    Twins,
    NewbornAndMother,
    ParentAndChild,
    Siblings,
    Homonyms,
}

/// A registry and what is true of it.
pub struct Registry {
    pub registrations: Vec<Registration>,
    /// Pairs of `who`.
    pub lookalikes: Vec<(Lookalike, usize, usize)>,
    /// How many people there are.
    pub people: usize,
}

/// Of so many persons, and those who look like them: about 2.4 records a person, in no order.
pub fn registry(seed: u64, persons: usize) -> Registry {
    let mut rng = Rng::of(seed, "registry", 0);
    let mut one = Registry { registrations: Vec::new(), lookalikes: Vec::new(), people: 0 };
    for person in people::population(seed, persons) {
        one.admit_with_lookalikes(&person, &mut rng);
    }
    rng.shuffle(&mut one.registrations);
    for (place, r) in one.registrations.iter_mut().enumerate() {
        r.patient.set("id", format!("r{place}"));
    }
    one
}

impl Registry {
    fn admit_with_lookalikes(&mut self, person: &Person, rng: &mut Rng) {
        let who = self.admit(person, rng);
        let kinds = [
            (Some(Lookalike::Twins), 60_u32),
            (Some(Lookalike::NewbornAndMother), 80),
            (Some(Lookalike::ParentAndChild), 60),
            (Some(Lookalike::Siblings), 100),
            (Some(Lookalike::Homonyms), 1),
            (None, 1_699),
        ];
        let Some(kind) = *rng.weighted(&kinds) else { return };
        let other = match kind {
            Lookalike::Twins => Some(twin(person, rng)),
            Lookalike::NewbornAndMother if person.sex.gender() == "female" => Some(newborn(person, rng)),
            Lookalike::NewbornAndMother => None,
            Lookalike::ParentAndChild => child(person, rng),
            Lookalike::Siblings => Some(sibling(person, rng)),
            Lookalike::Homonyms => homonym(person, rng),
        };
        let Some(other) = other else { return };
        let second = if kind == Lookalike::NewbornAndMother {
            self.admit_newborn(person, &other, rng)
        } else {
            self.admit(&other, rng)
        };
        self.lookalikes.push((kind, who, second));
    }

    fn admit(&mut self, person: &Person, rng: &mut Rng) -> usize {
        let who = self.people;
        self.people += 1;
        let holder = people::person(rng.next_u64(), 0).nss;
        for _ in 0..*rng.weighted(&[(1, 25_u32), (2, 34), (3, 25), (4, 11), (5, 5)]) {
            let patient = registered(person, holder.as_str(), rng);
            self.registrations.push(Registration { patient, who });
        }
        who
    }

    /// First `RN DE` and the mother's name, without a key; later with its own.
    fn admit_newborn(&mut self, mother: &Person, child: &Person, rng: &mut Rng) -> usize {
        let who = self.admit(child, rng);
        let mut patient = registered(child, mother.nss.as_str(), rng);
        let marker = *rng.pick(&["RN DE", "R.N.", "HIJO DE", "HIJA DE"]);
        patient.set(
            "name",
            vec![fhir!({
                "family": (mother.name.surnames()),
                "given": [(format!("{marker} {}", mother.name.given()))]
            })],
        );
        let mrn = patient["identifier"].items().iter().find(|i| i.str_of("system").ends_with("mrn")).cloned();
        patient.set("identifier", mrn.into_iter().collect::<Vec<Value>>());
        self.registrations.push(Registration { patient, who });
        who
    }
}

/// Another given name, which may begin as the first one's (`JUAN CARLOS`, `JUAN PABLO`); the same home, the same day.
fn twin(person: &Person, rng: &mut Rng) -> Person {
    let words: Vec<&str> = person.name.given().split(' ').collect();
    let is_other = |given: &str| given.split(' ').all(|w| !words.contains(&w) && w.len() > 2);
    let others: Vec<&str> =
        given_names(person.sex).iter().map(|(given, _)| *given).filter(|g| is_other(g)).collect();
    let other = *rng.pick(&others);
    let begins_alike = words.len() > 1 && rng.percent(15);
    let first_of = |given: &str| given.split(' ').next().unwrap_or_default().to_owned();
    let given = if begins_alike { format!("{} {}", words[0], first_of(other)) } else { other.to_owned() };
    let twin = renumbered(person.clone(), rng);
    at_home(Person { name: named(&given, person), ..twin }, person)
}

fn newborn(mother: &Person, rng: &mut Rng) -> Person {
    let father = people::person(rng.next_u64(), 0);
    let mut child = people::person(rng.next_u64(), 1);
    let name =
        PersonName::new(child.name.given(), father.name.first_surname(), Some(mother.name.first_surname()));
    child.name = name;
    child.born =
        Date::new(2024, rng.between(1, 12) as u8, rng.between(1, 28) as u8).expect("a day of every month");
    at_home(child, mother)
}

/// The parent's name, or its surnames at least; born 18 to 40 years later.
fn child(parent: &Person, rng: &mut Rng) -> Option<Person> {
    let year = parent.born.year() + rng.between(18, 40) as u16;
    if year > people::BIRTH_YEARS.1 {
        return None;
    }
    let mut child = renumbered(parent.clone(), rng);
    let other = people::person(rng.next_u64(), 2);
    child.name =
        PersonName::new(parent.name.given(), parent.name.first_surname(), Some(other.name.first_surname()));
    child.born = Date::new(year, rng.between(1, 12) as u8, rng.between(1, 28) as u8)?;
    Some(at_home(child, parent))
}

fn sibling(person: &Person, rng: &mut Rng) -> Person {
    let mut sibling = renumbered(people::person(rng.next_u64(), 3), rng);
    sibling.name = named(sibling.name.given(), person);
    let year = (person.born.year() + rng.between(1, 6) as u16).min(people::BIRTH_YEARS.1);
    sibling.born =
        Date::new(year, rng.between(1, 12) as u8, rng.between(1, 28) as u8).expect("a day of every month");
    at_home(sibling, person)
}

/// The same name and day; somebody else, who lives elsewhere.
fn homonym(person: &Person, rng: &mut Rng) -> Option<Person> {
    let homonym = person.homonym()?;
    let elsewhere = people::person(rng.next_u64(), 4);
    Some(Person {
        address: elsewhere.address,
        phone: elsewhere.phone,
        nss: elsewhere.nss,
        mrn: elsewhere.mrn,
        ..homonym
    })
}

fn named(given: &str, of: &Person) -> PersonName {
    PersonName::new(given, of.name.first_surname(), of.name.second_surname())
}

fn renumbered(person: Person, rng: &mut Rng) -> Person {
    let fresh = people::person(rng.next_u64(), 5);
    Person { nss: fresh.nss, mrn: fresh.mrn, ..person }
}

/// The same home and telephone; a key made anew from what the person is now.
fn at_home(person: Person, with: &Person) -> Person {
    let mut person = Person { address: with.address.clone(), phone: with.phone.clone(), ..person };
    if let Some(curp) = key(&person, 0) {
        person.curp = curp;
    }
    person
}

/// Of entity `NE`, with a differentiator that nobody has (see [`people`]).
fn key(person: &Person, homonyms: u8) -> Option<Curp> {
    let first = if person.born.year() < 2000 { b'8' } else { b'Y' };
    let abroad = entity::by_code("NE")?;
    let name = &person.name;
    let last = char::from(first - homonyms);
    Curp::build(
        name.given(),
        name.first_surname(),
        name.second_surname(),
        person.born,
        person.sex,
        abroad,
        last,
    )
    .ok()
}

/// What one desk wrote down of a person on one day.
fn registered(person: &Person, family_number: &str, rng: &mut Rng) -> Value {
    let mut patient = fhir!({ "resourceType": "Patient", "name": [(name(person, rng))] });
    let mut identifiers = vec![fhir!({
        "system": (format!("https://hospital{}.example.org/mrn", rng.below(40))), "value": (rng.digits(8))
    })];
    match rng.below(100) {
        0..=44 => {}
        45..=47 => identifiers.push(fhir!({ "system": (naming::CURP), "value": "XXXX999999XXXXXX99" })),
        48..=51 => {
            identifiers.push(fhir!({ "system": (naming::CURP), "value": (slip(person.curp.as_str(), rng)) }))
        }
        _ => identifiers.push(fhir!({ "system": (naming::CURP), "value": (person.curp.as_str()) })),
    }
    match rng.below(100) {
        0..=49 => {}
        50..=57 => identifiers.push(fhir!({ "system": (naming::NSS), "value": family_number })),
        58..=60 => {
            identifiers.push(fhir!({ "system": (naming::NSS), "value": (slip(person.nss.as_str(), rng)) }))
        }
        _ => identifiers.push(fhir!({ "system": (naming::NSS), "value": (person.nss.as_str()) })),
    }
    patient.set("identifier", identifiers);
    match rng.below(1_000) {
        0..=29 => {}
        30..=34 => patient.set("gender", if person.sex.gender() == "male" { "female" } else { "male" }),
        _ => patient.set("gender", person.sex.gender()),
    }
    if let Some(born) = birth(person, rng) {
        patient.set("birthDate", born);
    }
    if rng.percent(65) {
        let phone = if rng.percent(30) { format!("100{}", rng.digits(7)) } else { person.phone.clone() };
        patient.set("telecom", vec![fhir!({ "system": "phone", "value": phone })]);
    }
    if rng.percent(80) {
        patient.set("address", vec![home(person, rng)]);
    }
    patient
}

fn name(person: &Person, rng: &mut Rng) -> Value {
    let mut given = person.name.given().to_owned();
    let words: Vec<&str> = person.name.given().split(' ').collect();
    if words.len() > 1 && rng.percent(25) {
        let kept = if rng.percent(20) { words.last() } else { words.first() };
        given = kept.map_or(String::new(), |w| (*w).to_owned());
    } else if rng.percent(15) {
        given = given.replacen("MARÍA", "MA.", 1).replacen("María", "Ma.", 1).replacen("JOSÉ", "J.", 1);
    } else if words.len() > 1 && rng.percent(1) {
        given = format!("{} {}", words[1], words[0]);
    }
    let (mut first, mut second) =
        (person.name.first_surname().to_owned(), person.name.second_surname().unwrap_or("").to_owned());
    if rng.percent(1) && !second.is_empty() {
        std::mem::swap(&mut first, &mut second);
    }
    if rng.percent(10) {
        second.clear();
    }
    for part in [&mut given, &mut first, &mut second] {
        if rng.percent(4) {
            *part = slip(part, rng);
        }
        if rng.percent(5) {
            *part = part.replace(['Ñ', 'ñ'], rng.pick::<&str>(&["?", "N", "Ã±"]));
        }
    }
    let family = format!("{first} {second}");
    fhir!({ "family": (family.trim()), "given": [given] })
}

/// One slip of a hand: a letter more, less, another, or two that changed places.
fn slip(text: &str, rng: &mut Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 3 {
        return text.to_owned();
    }
    let at = rng.below(letters.len() as u64 - 1) as usize;
    let drawn =
        if letters[at].is_ascii_digit() { b'0' + rng.below(10) as u8 } else { b'A' + rng.below(26) as u8 };
    match rng.below(4) {
        0 => letters[at] = char::from(drawn),
        1 => letters.insert(at, char::from(drawn)),
        2 => {
            letters.remove(at);
        }
        _ => letters.swap(at, at + 1),
    }
    letters.into_iter().collect()
}

fn birth(person: &Person, rng: &mut Rng) -> Option<String> {
    let born = person.born.to_string();
    let (year, month, day) = (&born[..4], &born[5..7], &born[8..]);
    Some(match rng.below(1000) {
        0..=29 => return None,
        30..=44 if day <= "12" => format!("{year}-{day}-{month}"),
        45..=64 => format!("{year}-01-01"),
        65..=84 => {
            let near = Date::new(person.born.year() + 1, person.born.month(), 1)?;
            format!("{}-{month}-{day}", &near.to_string()[..4])
        }
        85..=94 => format!("{year}-{month}-{:02}", rng.between(1, 28)),
        _ => born,
    })
}

fn home(person: &Person, rng: &mut Rng) -> Value {
    let elsewhere;
    let mut a = &person.address;
    if rng.percent(30) {
        elsewhere = people::person(rng.next_u64(), 6).address;
        a = &elsewhere;
    }
    let mut street = a.street.clone();
    if rng.percent(20) {
        street = street.replace("Calle ", "C. ").replace("Avenida ", "Av. ").replace("Calzada ", "Calz. ");
    }
    if rng.percent(5) {
        street = slip(&street, rng);
    }
    let mut address = fhir!({ "line": [street, (a.neighbourhood.as_str())], "city": (a.city.as_str()), "state": (a.entity.name) });
    if rng.percent(85) {
        address.set(
            "postalCode",
            if rng.percent(3) { slip(&a.postal_code, rng) } else { a.postal_code.clone() },
        );
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 20_261_123;

    #[test]
    fn a_registry_is_the_same_for_the_same_seed_and_has_every_kind_of_lookalike() {
        let registry_of = |seed| registry(seed, 6_000);
        let (one, again) = (registry_of(SEED), registry_of(SEED));
        assert!(
            one.registrations
                .iter()
                .zip(&again.registrations)
                .all(|(a, b)| a.patient == b.patient && a.who == b.who)
        );
        let kinds = [
            Lookalike::Twins,
            Lookalike::NewbornAndMother,
            Lookalike::ParentAndChild,
            Lookalike::Siblings,
            Lookalike::Homonyms,
        ];
        for kind in kinds {
            assert!(one.lookalikes.iter().any(|(k, _, _)| *k == kind), "no {kind:?} in seed {SEED}");
        }
        let per_person = one.registrations.len() as f64 / one.people as f64;
        assert!((2.2..2.6).contains(&per_person), "{per_person} records a person");
    }
}
