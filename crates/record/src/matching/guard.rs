//! What no score may overrule: two people whom a family, a name or a ward makes alike are not joined without somebody who knows.

use super::compare::{Field, Level, Levels};
use super::person::Person;

/// Why a pair must not be joined automatically, whatever it scores.
pub fn objection(a: &Person, b: &Person, levels: &Levels) -> Option<&'static str> {
    let of = |field: Field| levels[field as usize];
    let differs = |field: Field| of(field) == Level::Different;
    if is_final(a, b, levels) {
        let homonyms = of(Field::Curp) == Level::Similar;
        return Some(if homonyms {
            "homonyms: CURPs that differ in their last signs"
        } else {
            "two valid CURPs"
        });
    }
    if a.is_newborn != b.is_newborn && of(Field::Birth) != Level::Equal {
        return Some("a newborn under its mother's name");
    }
    let same_home = of(Field::Phone) == Level::Equal || of(Field::House) == Level::Equal;
    if (a.is_newborn || b.is_newborn) && !same_home {
        return Some("newborns that may be twins");
    }
    // Where not even the sex is known, nothing tells a twin from a damaged name: what was learnt of the list decides.
    if a.sex == 0 && b.sex == 0 {
        return None;
    }
    if differs(Field::Curp) {
        return Some("CURPs differ in more than a slip");
    }
    let same_key = of(Field::Curp) == Level::Equal || of(Field::Number) == Level::Equal;
    let disagreements = [differs(Field::Given), differs(Field::FirstSurname), differs(Field::Birth)]
        .iter()
        .filter(|d| **d)
        .count();
    if same_key {
        return (disagreements >= 2).then_some("one number, but another name and birth date");
    }
    if differs(Field::Given) && of(Field::Curp) != Level::Close {
        return Some("given names differ: twins or siblings");
    }
    let surnames_differ = differs(Field::FirstSurname) || differs(Field::SecondSurname);
    if surnames_differ && of(Field::Curp) != Level::Close {
        return Some("surnames differ");
    }
    if differs(Field::Sex) && of(Field::Given) != Level::Equal {
        return Some("sex and given name differ: twins");
    }
    if differs(Field::Birth)
        && !matches!(of(Field::Curp), Level::Close)
        && !matches!(of(Field::Number), Level::Close)
    {
        return Some("birth dates differ: parent and child, or namesakes");
    }
    None
}

/// Why two records are of two people however many others link them: the keys, or twins.
pub fn parting(a: &Person, b: &Person, levels: &Levels) -> Option<&'static str> {
    let of = |field: Field| levels[field as usize];
    if is_final(a, b, levels) {
        return Some("another record of the cluster has another valid CURP");
    }
    let same_key = of(Field::Curp) == Level::Equal || of(Field::Number) == Level::Equal;
    if same_key || (a.sex, b.sex) == (0, 0) {
        return None;
    }
    if of(Field::Given) == Level::Different && of(Field::Birth) == Level::Equal {
        return Some("another record of the cluster has another given name");
    }
    if of(Field::SecondSurname) == Level::Different {
        return Some("another record of the cluster has another second surname");
    }
    (of(Field::Birth) == Level::Different).then_some("another record of the cluster has another birth date")
}

/// Two valid CURPs that are not one: nothing makes them one person but a correction of a CURP.
fn is_final(a: &Person, b: &Person, levels: &Levels) -> bool {
    let valid = |p: &Person| p.curp.as_ref().is_some_and(|c| c.is_valid);
    valid(a) && valid(b) && levels[Field::Curp as usize] != Level::Equal
}
