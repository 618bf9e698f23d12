//! Round trips and the examples of PS3.5 Annexes H, I and J.

use super::*;

fn charset(value: &str) -> Charset {
    let (charset, unknown) = Charset::parse(value);
    assert_eq!(unknown, None, "{value}");
    charset
}

#[test]
fn every_repertoire_gives_back_what_it_wrote() {
    for (term, text) in [
        ("ISO_IR 100", "MUÑOZ^Ángel Güemes"),
        ("ISO_IR 101", "Dvořák^Łódź"),
        ("ISO_IR 109", "Ĉapelo^Ġorġ"),
        ("ISO_IR 110", "Rīga^Ķēniņš"),
        ("ISO_IR 144", "Люкceмбypг"),
        ("ISO_IR 127", "قباني^لنزار"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 138", "שרון^דבורה"),
        ("ISO_IR 148", "Çavuşoğlu^İpek"),
        ("ISO_IR 203", "Œuvre^€"),
        ("ISO_IR 166", "ทดสอบ"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("GBK", "Wang^XiaoDong=王^小东"),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东"),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "Muñoz и Люкceмбypг"),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"),
    ] {
        let charset = charset(term);
        let (bytes, unfit) = encode(text, &charset);
        assert_eq!(unfit, Vec::<char>::new(), "{term}");
        assert_eq!(decode(&bytes, &charset), (text.to_owned(), None), "{term}");
    }
}

#[test]
fn the_examples_of_the_standard_are_read() {
    let japanese = b"Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B";
    assert_eq!(decode(japanese, &charset("\\ISO 2022 IR 87")).0, "Yamada^Tarou=山田^太郎=やまだ^たろう");
    let korean =
        b"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF";
    assert_eq!(decode(korean, &charset("\\ISO 2022 IR 149")).0, "Hong^Gildong=洪^吉洞=홍^길동");
}

#[test]
fn what_does_not_fit_is_told_and_written_as_a_question_mark() {
    let (bytes, unfit) = encode("Ana 山 Łódź", &Charset::latin1());
    assert_eq!(bytes, b"Ana ? ?\xF3d?");
    assert_eq!(unfit, vec!['山', 'Ł', 'ź']);
    assert_eq!(encode("Ñ", &Charset::default()), (b"?".to_vec(), vec!['Ñ']));
}

#[test]
fn undeclared_text_is_read_as_utf8_or_latin1_and_told() {
    let (text, issue) = decode("MUÑOZ".as_bytes(), &Charset::default());
    assert_eq!((text.as_str(), issue.is_some()), ("MUÑOZ", true));
    let (text, issue) = decode(b"MU\xD1OZ", &Charset::default());
    assert_eq!((text.as_str(), issue.is_some()), ("MUÑOZ", true));
    let (text, issue) = decode(b"MU\xD1OZ", &Charset::utf8());
    assert_eq!((text.as_str(), issue.is_some()), ("MU\u{FFFD}OZ", true));
}

#[test]
fn misspelt_terms_are_understood_and_unknown_ones_told() {
    for term in ["ISO-IR 100", "ISO IR 100", "ISO_IR_100", "iso8859-1", "ISO 2022 IR 100"] {
        assert_eq!(Charset::parse(term), (Charset::latin1(), None), "{term}");
    }
    assert!(Charset::parse("KLINGON").1.is_some());
    assert_eq!(charset("\\ISO 2022 IR 87").term(), "ISO 2022 IR 6\\ISO 2022 IR 87");
    assert_eq!(charset("ISO_IR 6").term(), "");
}

#[test]
fn names_fold_to_lower_case_without_accents() {
    assert_eq!(fold("  MUÑOZ  Peñá^ÁNGEL "), "munoz pena^angel");
    assert_eq!(fold("GÜEMES ŁÓDŹ İpek"), "guemes lodz ipek");
}

#[test]
fn no_bytes_panic_under_any_repertoire() {
    let seed = 0x5EED_u64;
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let terms = [
        "",
        "ISO_IR 13",
        "ISO_IR 192",
        "GBK",
        "GB18030",
        "\\ISO 2022 IR 87\\ISO 2022 IR 159",
        "\\ISO 2022 IR 149",
    ];
    let mut cases = 0;
    for term in terms {
        let (charset, _) = Charset::parse(term);
        for length in 0..400_usize {
            let bytes: Vec<u8> = (0..length % 40)
                .map(|_| match next() {
                    b if b < 40 => 0x1B,
                    b if b < 80 => b"$()-BCDAIJ"[usize::from(b) % 10],
                    b => b,
                })
                .collect();
            let (text, _) = decode(&bytes, &charset);
            let _ = encode(&text, &charset);
            cases += 1;
        }
    }
    println!("seed {seed:#x}, {cases} cases");
}
