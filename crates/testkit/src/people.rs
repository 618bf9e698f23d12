//! Synthetic Mexican persons, each the same for the same (seed, index), none of whom can be a living person.
//!
//! Why nobody living can be meant: every CURP here has entity `NE` (born abroad) and differentiator `9` or below (births before 2000),
//! `Z` or below (from 2000). RENAPO gives differentiators upwards from `0` and `A`, one for each homonym born on the same day in the
//! same entity; `9` and `Z` would need ten and twenty-six of them among the people born abroad. The key still keeps every rule,
//! so the program under test reads it as it reads a real one. NSS are of subdelegation `00`, telephones of area `100`, house numbers
//! above 9000: none of these is assigned.

use crate::rng::Rng;
use crate::vocabulary::{NEIGHBOURHOODS, PLACES, Place, STREETS, SURNAMES, given_names};
use badiano_fhir::{Value, fhir};
use badiano_mexico::date::{Date, days_in_month};
use badiano_mexico::{Curp, Entity, Nss, PersonName, Sex, entity, naming, zones};
use std::collections::HashSet;

/// Births lie in these years; both ends included.
pub const BIRTH_YEARS: (u16, u16) = (1930, 2024);

/// Where a person lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Street and number.
    pub street: String,
    pub neighbourhood: String,
    pub city: String,
    /// Five digits of INEGI.
    pub municipality: String,
    pub entity: &'static Entity,
    pub postal_code: String,
}

/// A person with everything that a registration desk asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub index: u64,
    pub name: PersonName,
    pub born: Date,
    pub sex: Sex,
    pub curp: Curp,
    pub nss: Nss,
    /// The hospital's own number for the patient.
    pub mrn: String,
    /// Ten digits.
    pub phone: String,
    pub address: Address,
}

/// The person at an index. Two indexes may give homonyms with one CURP; [`population`] tells them apart.
pub fn person(seed: u64, index: u64) -> Person {
    let mut rng = Rng::of(seed, "person", index);
    let sex = *rng.weighted(&[(Sex::Woman, 505), (Sex::Man, 490), (Sex::NonBinary, 5)]);
    let given = *rng.weighted(given_names(sex));
    let first = *rng.weighted(&SURNAMES);
    let second = (!rng.percent(4)).then(|| *rng.weighted(&SURNAMES));
    let name = PersonName::new(given, first, second);
    let born = birth_date(&mut rng);
    let two = |year: u16| (year % 100) as u8;
    let affiliation = two(born.year() + 18);
    let nss =
        Nss::build(0, affiliation, two(born.year()), rng.below(10_000) as u16).expect("parts are in range");
    Person {
        index,
        curp: curp_of(&name, born, sex, 0).expect("the first differentiator is always there"),
        name,
        born,
        sex,
        nss,
        mrn: format!("{:08}", 10_000_000 + (index % 80_000_000)),
        phone: format!("100{:07}", rng.below(10_000_000)),
        address: address(&mut rng),
    }
}

/// The first `count` persons of a seed, no two with one CURP. A larger population begins with the smaller one.
pub fn population(seed: u64, count: usize) -> Vec<Person> {
    let mut taken = HashSet::with_capacity(count);
    let mut people = Vec::with_capacity(count);
    for index in 0..count as u64 {
        let mut one = person(seed, index);
        // A homonym gets the next differentiator, as RENAPO does it. After ten of them, another person is drawn.
        let mut redrawn = 0_u64;
        while !taken.insert(one.curp.clone()) {
            match one.homonym() {
                Some(homonym) => one.curp = homonym.curp,
                None => {
                    redrawn += 1;
                    one = Person { index, ..person(seed, index + (redrawn << 40)) };
                }
            }
        }
        one.mrn = format!("{:08}", 10_000_000 + (index % 80_000_000));
        people.push(one);
    }
    people
}

impl Person {
    /// Somebody else with the same names, day, sex and entity; the CURP differs in its differentiator. `None` when ten are taken.
    pub fn homonym(&self) -> Option<Person> {
        let used = self.curp.differentiator() as u8;
        let first = if self.born.year() < 2000 { b'9' } else { b'Z' };
        let curp = curp_of(&self.name, self.born, self.sex, first - used + 1)?;
        Some(Person { curp, ..self.clone() })
    }

    /// A twin: other given name and number, everything else the same. A matcher must not join the two.
    pub fn twin(&self) -> Person {
        let names = given_names(self.sex);
        let other = names
            .iter()
            .map(|(given, _)| PersonName::new(given, self.name.first_surname(), self.name.second_surname()))
            .find(|name| {
                let curp = curp_of(name, self.born, self.sex, 0);
                curp.is_some_and(|c| c.root() != self.curp.root())
            })
            .expect("the list has given names with different initials");
        let curp = curp_of(&other, self.born, self.sex, 0).expect("it was just built");
        Person { name: other, curp, mrn: format!("9{}", &self.mrn[1..]), ..self.clone() }
    }

    /// IANA zone of the address.
    pub fn zone(&self) -> &'static str {
        zones::of_municipality(&self.address.municipality).unwrap_or(zones::NATIONAL)
    }

    /// A FHIR R4 Patient with CURP, NSS and the hospital's own number under `mrn_system`. No id, no meta.
    pub fn patient(&self, mrn_system: &str) -> Value {
        let label = |type_code: &str| {
            fhir!({ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                "code": (type_code)
            }]})
        };
        let phone = format!("+52{}", self.phone);
        fhir!({
            "resourceType": "Patient",
            "identifier": [
                { "use": "official", "type": (label("NI")), "system": (naming::CURP), "value": (self.curp.as_str()) },
                { "type": (label("SS")), "system": (naming::NSS), "value": (self.nss.as_str()) },
                { "use": "usual", "type": (label("MR")), "system": (mrn_system), "value": (self.mrn.as_str()) }
            ],
            "active": true,
            "name": [(self.fhir_name())],
            "telecom": [{ "system": "phone", "value": phone, "use": "mobile" }],
            "gender": (self.sex.gender()),
            "birthDate": (self.born.to_string()),
            "address": [(self.fhir_address())]
        })
    }

    /// `family` holds both surnames; the extensions of HL7 tell them apart.
    fn fhir_name(&self) -> Value {
        const EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/humanname-";
        let part = |which: &str, surname: &str| {
            let url = format!("{EXTENSION}{which}-family");
            fhir!({ "url": url, "valueString": surname })
        };
        let mut parts = fhir!({ "extension": [(part("fathers", self.name.first_surname()))] });
        if let Some(second) = self.name.second_surname() {
            parts.push("extension", part("mothers", second));
        }
        fhir!({
            "use": "official",
            "text": (self.name.full()),
            "family": (self.name.surnames()),
            "_family": parts,
            "given": (self.name.given().split(' ').map(Value::from).collect::<Vec<_>>())
        })
    }

    fn fhir_address(&self) -> Value {
        let a = &self.address;
        fhir!({
            "use": "home",
            "line": [(a.street.as_str()), (a.neighbourhood.as_str())],
            "city": (a.city.as_str()),
            "state": (a.entity.name),
            "postalCode": (a.postal_code.as_str()),
            "country": "MX"
        })
    }
}

/// Entity `NE` and the differentiator counted down from `9` or `Z`; `None` after the tenth.
fn curp_of(name: &PersonName, born: Date, sex: Sex, homonyms: u8) -> Option<Curp> {
    if homonyms > 9 {
        return None;
    }
    let first = if born.year() < 2000 { b'9' } else { b'Z' };
    let abroad = entity::by_code("NE").expect("NE is in the table");
    let differentiator = char::from(first - homonyms);
    let second = name.second_surname();
    Curp::build(name.given(), name.first_surname(), second, born, sex, abroad, differentiator).ok()
}

/// More of the young than of the old, as in the census.
fn birth_date(rng: &mut Rng) -> Date {
    let (first, last) = *rng.weighted(&[
        ((2010, BIRTH_YEARS.1), 24_u32),
        ((1990, 2009), 33),
        ((1970, 1989), 26),
        ((1950, 1969), 13),
        ((BIRTH_YEARS.0, 1949), 4),
    ]);
    let year = rng.between(u64::from(first), u64::from(last)) as u16;
    let month = rng.between(1, 12) as u8;
    let day = rng.between(1, u64::from(days_in_month(year, month))) as u8;
    Date::new(year, month, day).expect("the day is in the month")
}

fn address(rng: &mut Rng) -> Address {
    let place: Place = *rng.weighted(&PLACES);
    Address {
        street: format!("{} {}", rng.pick(&STREETS), rng.between(9_001, 9_999)),
        neighbourhood: format!("Col. {}", rng.pick(&NEIGHBOURHOODS)),
        city: place.city.to_owned(),
        municipality: place.cvegeo.to_owned(),
        entity: entity::by_inegi(&place.cvegeo[..2]).expect("the table has places of the 32 entities"),
        postal_code: format!("{}{:02}", place.postal, rng.below(100)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 20_261_122;

    #[test]
    fn every_one_of_twenty_thousand_persons_has_a_sound_curp_that_says_what_the_person_is() {
        let people = population(SEED, 20_000);
        for p in &people {
            let read =
                Curp::parse(p.curp.as_str()).unwrap_or_else(|e| panic!("seed {SEED}, {}: {e}", p.index));
            assert_eq!(read, p.curp);
            assert_eq!((read.birth_date(), read.sex(), read.entity().code), (p.born, p.sex, "NE"));
            assert!(!read.has_listed_word(), "seed {SEED}, {}", p.index);
            assert!(matches!(read.differentiator(), '0'..='9' | 'Q'..='Z'));
            assert_eq!(Nss::parse(p.nss.as_str()).as_ref(), Ok(&p.nss));
            assert!((BIRTH_YEARS.0..=BIRTH_YEARS.1).contains(&p.born.year()));
            assert_ne!(p.zone(), "", "{}", p.address.municipality);
        }
        let curps: HashSet<_> = people.iter().map(|p| &p.curp).collect();
        assert_eq!(curps.len(), people.len(), "no two have one CURP");
        let mrns: HashSet<_> = people.iter().map(|p| &p.mrn).collect();
        assert_eq!(mrns.len(), people.len());
    }

    #[test]
    fn a_larger_population_begins_with_the_smaller_one() {
        let small = population(SEED, 50);
        assert_eq!(population(SEED, 500)[..50], small[..]);
        assert_ne!(population(SEED + 1, 50), small);
    }

    #[test]
    fn the_population_has_what_makes_names_hard() {
        let people = population(SEED, 5_000);
        let some = |what: &str, found: &dyn Fn(&Person) -> bool| {
            assert!(people.iter().any(found), "nobody with {what}; seed {SEED}");
        };
        some("Ñ", &|p| p.name.full().to_uppercase().contains('Ñ'));
        some("an accent", &|p| p.name.full().contains('é'));
        some("a particle", &|p| p.name.first_surname().starts_with("de la "));
        some("an abbreviation", &|p| p.name.given().starts_with("Ma. "));
        some("one surname", &|p| p.name.second_surname().is_none());
        some("a birth from 2000", &|p| p.born.year() >= 2000);
        some("sex X", &|p| p.sex == Sex::NonBinary);
    }

    #[test]
    fn homonyms_and_twins_are_two_persons() {
        for p in population(SEED, 300) {
            let homonym = p.homonym().expect("fewer than ten homonyms");
            assert!(homonym.curp.is_homonym_of(&p.curp));
            let twin = p.twin();
            assert_eq!((twin.born, twin.name.surnames()), (p.born, p.name.surnames()));
            assert_ne!(twin.curp.root(), p.curp.root());
        }
        let mut one = person(SEED, 0);
        let mut count = 1;
        while let Some(next) = one.homonym() {
            assert_ne!(next.curp, one.curp);
            one = next;
            count += 1;
        }
        assert_eq!(count, 10);
    }

    #[test]
    fn a_patient_resource_says_the_same_as_the_person() {
        for p in population(SEED, 200) {
            let patient = p.patient("urn:oid:2.25.1");
            let printed = badiano_fhir::json::to_string(&patient);
            let read = badiano_fhir::json::parse(printed.as_bytes()).expect("it is JSON");
            assert_eq!(read, patient);
            assert_eq!(patient["identifier"][0]["value"].as_str(), Some(p.curp.as_str()));
            assert_eq!(patient["name"][0]["family"].as_str(), Some(p.name.surnames().as_str()));
            assert_eq!(patient["birthDate"].as_str(), Some(p.born.to_string().as_str()));
            let parts = patient["name"][0]["_family"]["extension"].items();
            assert_eq!(parts.len(), 1 + usize::from(p.name.second_surname().is_some()));
        }
    }
}
