//! Identifiers of persons and institutions (CURP, CLUES, RFC, NSS, cédula).

use super::{Answer, Target};
use badiano_mexico::{Cedula, Clues, Curp, Nss, Rfc};
use badiano_testkit::people;

pub const IDENTIFIERS: Target = Target {
    name: "mexican_identifiers",
    seeds,
    words: &[
        b"HEGG560427MVZRRL04",
        "Ñ".as_bytes(),
        "\u{131}".as_bytes(),
        "ﬀ".as_bytes(),
        b" ",
        b"XX",
        b"DFSSA999001",
        b"0",
    ],
    read,
    bytes_per_byte: 64,
};

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        [&b"DFSSA999001"[..], b"GODE561231GR8", b"1234567"].map(<[u8]>::to_vec).to_vec();
    for person in people::population(3, 20) {
        seeds.push(person.curp.to_string().into_bytes());
        seeds.push(person.nss.to_string().into_bytes());
    }
    seeds
}

fn read(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let damaged = Curp::parse_damaged(&text).is_ok();
    let curp = Curp::parse(&text);
    if let Ok(curp) = &curp {
        assert!(damaged, "a sound CURP is not read as captured");
        assert_eq!(Curp::parse(curp.as_str()).as_ref(), Ok(curp), "a CURP reads itself");
        let _ = (curp.birth_date(), curp.sex(), curp.entity().code, curp.differentiator(), curp.masked());
    }
    let others = [
        Clues::parse(&text).is_ok(),
        Rfc::parse(&text).is_ok(),
        Nss::parse(&text).is_ok(),
        Cedula::parse(&text).is_ok(),
    ];
    match curp {
        Ok(_) => Ok(format!("CURP {others:?}")),
        Err(_) if others.contains(&true) => Ok(format!("{others:?} {damaged}")),
        Err(why) => Err(format!("{why} {damaged}")),
    }
}
