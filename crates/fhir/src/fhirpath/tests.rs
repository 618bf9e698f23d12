//! Each function and operator by cases of our own, and hostile expressions.

use super::*;
use crate::fhir;

fn patient() -> Value {
    fhir!({
        "resourceType": "Patient",
        "id": "p1",
        "contained": [{ "resourceType": "Organization", "id": "o1", "name": "Hospital Norte" }],
        "active": true,
        "name": [
            { "use": "official", "family": "Muñoz", "given": ["José", "Luis"] },
            { "use": "nickname", "given": ["Pepe"] }
        ],
        "birthDate": "1980-05-17",
        "_birthDate": { "extension": [{ "url": "urn:time", "valueDateTime": "1980-05-17T10:00:00-06:00" }] },
        "multipleBirthInteger": (2_i64),
        "managingOrganization": { "reference": "#o1" },
        "generalPractitioner": [{ "reference": "Practitioner/9" }]
    })
}

fn observation() -> Value {
    let mut o = fhir!({
        "resourceType": "Observation",
        "status": "final",
        "subject": { "reference": "https://host/fhir/Patient/p1/_history/2" }
    });
    o.set(
        "valueQuantity",
        crate::json::parse(
            br#"{"value":120.50,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}"#,
        )
        .expect("json"),
    );
    o
}

/// The results as texts, joined by commas; an error begins with `!`.
fn run_on(resource: &Value, text: &str, strict: bool) -> String {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return format!("!parse {error}"),
    };
    let resolve = |reference: &str| (reference == "Practitioner/9").then_some(resource);
    let member_of = |code: &Value, set: &str| (set == "urn:set").then(|| code.as_str() == Some("final"));
    let variables = [("age", vec![Item::Integer(45)])];
    let mut context =
        Context::new(resource, Instant::parse_rfc3339("2026-03-01T12:30:00Z").expect("an instant"));
    context.resolve = Some(&resolve);
    context.member_of = Some(&member_of);
    context.variables = &variables;
    context.strict = strict;
    match expression.evaluate(&context) {
        Ok(items) => {
            let texts = items
                .iter()
                .map(|i| i.text().map_or_else(|| crate::json::to_string(&i.to_value()), Into::into));
            texts.collect::<Vec<_>>().join(",")
        }
        Err(error) => format!("!{:?}", error.kind),
    }
}

fn check(resource: &Value, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(run_on(resource, text, false), *expected, "{text}");
    }
}

#[test]
fn paths_follow_the_resource_with_its_choices_and_primitive_extensions() {
    check(
        &patient(),
        &[
            ("name.given", "José,Luis,Pepe"),
            ("Patient.name[1].given", "Pepe"),
            ("Observation.value", ""),
            ("multipleBirth", "2"),
            ("multipleBirth is integer", "true"),
            ("birthDate.extension('urn:time').value", "1980-05-17T10:00:00-06:00"),
            ("birthDate.hasValue()", "true"),
            ("name.hasValue()", "false"),
            ("birthDate.getValue() + 1 year", "1981-05-17"),
            ("Resource.id", "p1"),
            ("DomainResource.contained.name", "Hospital Norte"),
            ("`name`.`family`", "Muñoz"),
            ("name.where(use = 'official').family | 'x'", "Muñoz,x"),
            ("nombre", ""),
        ],
    );
    check(
        &observation(),
        &[
            ("value.unit", "mmHg"),
            ("value is Quantity", "true"),
            ("(value as Quantity).value", "120.50"),
            ("value.ofType(string)", ""),
            ("value > 100 'mm[Hg]'", "true"),
            ("value = 120.5 'mm[Hg]'", "true"),
            ("value > 1 'kg'", ""),
            ("status.memberOf('urn:set')", "true"),
            ("status.memberOf('urn:other')", ""),
            ("subject.where(resolve() is Patient).exists()", "true"),
            ("subject.where(resolve() is Group).exists()", "false"),
            ("subject.getReferenceKey(Patient)", "p1"),
            ("subject.getReferenceKey(Group)", ""),
            ("getResourceKey()", ""),
        ],
    );
}

#[test]
fn references_are_resolved_inside_and_by_the_callers_resolver() {
    check(
        &patient(),
        &[
            ("managingOrganization.resolve().name", "Hospital Norte"),
            ("generalPractitioner.resolve().id", "p1"),
            ("managingOrganization.where(resolve() is Organization).count()", "1"),
            ("'Practitioner/none'.resolve()", ""),
            ("%resource.id & %rootResource.id & %context.id", "p1p1p1"),
            ("%age", "45"),
            ("%unknown", "!Mismatch"),
            ("conformsTo('http://x')", "!NotSupported"),
        ],
    );
}

#[test]
fn operators_have_the_precedence_and_three_values_of_the_standard() {
    check(
        &Value::object(),
        &[
            ("1 + 2 * 3 - 4 / 2", "5"),
            ("7 div 2 & 'x'", "!Mismatch"),
            ("7 mod 4", "3"),
            ("-5.5 + 0.5", "-5.0"),
            ("1 / 0", ""),
            ("'a' + 'b' & {}", "ab"),
            ("1 | 2 | 1", "1,2"),
            ("1 in (1 | 2)", "true"),
            ("(1 | 2) contains 3", "false"),
            ("{} in (1 | 2)", ""),
            ("true and {}", ""),
            ("false and {}", "false"),
            ("true or {}", "true"),
            ("{} xor true", ""),
            ("false implies {}", "true"),
            ("{} implies true", "true"),
            ("true and 'x'", "true"),
            ("(1 | 2) and true", "!Mismatch"),
            ("{} = {}", ""),
            ("{} ~ {}", "true"),
            ("1 = 1.0", "true"),
            ("'Ñ' ~ 'ñ'", "true"),
            ("'a  b' ~ 'A b'", "true"),
            ("(1 | 2) ~ (2 | 1)", "true"),
            ("(1 | 2) = (2 | 1)", "false"),
            ("1.2 / 1.8 ~ 0.67", "true"),
            ("1 < 'a'", "!Mismatch"),
            ("2147483647 + 1", "2147483648"),
            ("9223372036854775807 + 1", ""),
            ("1 is Integer", "true"),
            ("1.type().name", "Integer"),
            ("(1 as String)", ""),
            ("iif(1 = 1, 'y', 1/0)", "y"),
        ],
    );
}

#[test]
fn dates_keep_their_precision() {
    check(
        &Value::object(),
        &[
            ("@2012-04 = @2012-04-15", ""),
            ("@2012-04 < @2013", "true"),
            ("@2012-04-15T10:00:00Z = @2012-04-15T04:00:00-06:00", "true"),
            ("@2012-04-15T10:00:00Z > @2012-04-15T10:00:00", ""),
            ("@2012-04-15T10:00:00Z > @2012-04-13T10:00:00", "true"),
            ("@T10:00 = @T10:00:00", ""),
            ("@2012-01-31 + 1 month", "2012-02-29"),
            ("@2012 + 30 months", "2014"),
            ("@2012-02-28 + 2 days", "2012-03-01"),
            ("@T23:30 + 1 hour", "00:30"),
            ("@2012-01-01 + 1 'mo'", "!Mismatch"),
            ("@9999-12-31 + 1 day", ""),
            ("now()", "2026-03-01T12:30:00.000Z"),
            ("today()", "2026-03-01"),
            ("timeOfDay()", "12:30:00.000"),
            ("@2014.lowBoundary()", "2014-01-01"),
            ("@2014-02.highBoundary(8)", "2014-02-28"),
            ("@2014-01-05T10:30.precision()", "12"),
            ("@2014-01-05T10:30 ~ @2014-01-05T10:30:00", "false"),
        ],
    );
}

#[test]
fn quantities_compare_over_units() {
    check(
        &Value::object(),
        &[
            ("1 'g' = 1000 'mg'", "true"),
            ("37 'Cel' > 98 '[degF]'", "true"),
            ("1 year = 12 months", "true"),
            ("1 year = 1 'a'", ""),
            ("1 year ~ 1 'a'", "true"),
            ("1 'kg' = 1 'm'", "false"),
            ("1 'kg' < 1 'm'", ""),
            ("1 'm' + 1 'cm'", "1.01 'm'"),
            ("2 'm' * 3 'm' = 6 'm2'", "true"),
            ("10 'mg' / 2", "5 'mg'"),
            ("1 'no-such'.comparable(1 'm')", "false"),
            ("'4 days'.toQuantity()", "4 days"),
            ("'1.5 \\'mg\\''.toQuantity('g')", "1.5 'mg'"),
            ("'1.5 \\'mg\\''.toQuantity('m')", ""),
            ("1 'wk'.lowBoundary()", "0.50000000 'wk'"),
        ],
    );
}

#[test]
fn collections_are_filtered_joined_and_cut() {
    check(
        &patient(),
        &[
            ("name.exists(use = 'official')", "true"),
            ("name.all(given.exists())", "true"),
            ("name.family.count()", "1"),
            ("(true | false).allTrue()", "false"),
            ("(true | false).anyFalse()", "true"),
            ("{}.allFalse()", "true"),
            ("(1 | 'a').anyTrue()", "!Mismatch"),
            ("(1 | 2).subsetOf(1 | 2 | 3)", "true"),
            ("(1 | 2).supersetOf(3)", "false"),
            ("1.combine(1).distinct()", "1"),
            ("1.combine(1).isDistinct()", "false"),
            ("(1 | 2 | 3).intersect(2 | 3 | 4)", "2,3"),
            ("(1 | 2 | 3).exclude(2)", "1,3"),
            ("1.union(2 | 1)", "1,2"),
            ("(5 | 6 | 7).first()", "5"),
            ("(5 | 6 | 7).last()", "7"),
            ("(5 | 6 | 7).tail()", "6,7"),
            ("(5 | 6 | 7).skip(1).take(1)", "6"),
            ("(5 | 6).skip(-1)", "5,6"),
            ("(5 | 6).single()", "!Mismatch"),
            ("(5 | 6)[7]", ""),
            ("(1 | 2 | 3).aggregate($this + $total, 10)", "16"),
            ("name.select($index)", "0,1"),
            ("name.given.where($index > 0)", "Luis,Pepe"),
            ("(3 | 1 | 2).sort()", "1,2,3"),
            ("name.given.sort(-$this)", "Pepe,Luis,José"),
            ("1.repeat($this + 1).take(1)", "!TooCostly"),
            ("name.repeat(given)", "José,Luis,Pepe"),
            ("children().count() > 7", "true"),
            ("descendants().where($this is Extension).url", "urn:time"),
            ("name.trace('x', given).count()", "2"),
            ("iif(name.exists(), 'sí', 'no')", "sí"),
            ("name.iif(true, 1)", "!Mismatch"),
            ("active.not()", "false"),
            ("(1 | 2).not()", "!Mismatch"),
        ],
    );
}

#[test]
fn texts_and_numbers_are_worked_on() {
    check(
        &Value::object(),
        &[
            ("'añejo'.indexOf('ejo')", "2"),
            ("'abcabc'.lastIndexOf('c')", "5"),
            ("'añejo'.substring(1, 2)", "ñe"),
            ("'abc'.substring(3)", ""),
            ("'abc'.startsWith('ab') and 'abc'.endsWith('bc') and 'abc'.contains('b')", "true"),
            ("'Ñu'.lower() & 'ñu'.upper()", "ñuÑU"),
            ("'a.b'.replace('.', '-')", "a-b"),
            ("'a1b2'.replaceMatches('[0-9]', '#')", "a#b#"),
            ("'John Smith'.replaceMatches('(?<f>\\\\w+) (?<l>\\\\w+)', '${l}, ${f}')", "Smith, John"),
            ("'a\\nb'.matches('a.b')", "true"),
            ("'xay'.matches('a') and 'xay'.matchesFull('a').not()", "true"),
            ("'x'.matches('(')", "!Mismatch"),
            ("'añ'.length()", "2"),
            ("'ab'.toChars()", "a,b"),
            ("'ñ'.encode('base64').decode('base64')", "ñ"),
            ("'ab'.encode('hex')", "6162"),
            ("'zz'.decode('hex')", ""),
            ("'<a>'.escape('html').unescape('html')", "<a>"),
            ("' a '.trim()", "a"),
            ("'a,b'.split(',').join('+')", "a+b"),
            ("(1 | 2).length()", "!Mismatch"),
            ("(-5).abs() + 1.9.truncate() + 1.1.ceiling() + (-1.1).floor()", "6"),
            ("2.power(10)", "1024"),
            ("2.power(-1)", "0.5"),
            ("(-1).sqrt()", ""),
            ("2.5.round()", "3"),
            ("3.14159.round(2)", "3.14"),
            ("100.log(10).round(4) = 2", "true"),
            ("1.exp().ln().round(6) = 1", "true"),
            ("'x'.abs()", "!Mismatch"),
            ("1.587.lowBoundary()", "1.58650000"),
            ("'12'.toInteger() + '1.5'.toDecimal()", "13.5"),
            ("'99999999999'.toInteger()", ""),
            ("'yes'.toBoolean()", "true"),
            ("'x'.toBoolean()", ""),
            ("1.5.toString()", "1.5"),
            ("'2014-13'.convertsToDate()", "false"),
            ("'2014-12-01T10:00'.toDate()", "2014-12-01"),
            ("'10:30'.toTime()", "10:30"),
            ("'x'.toDateTime()", ""),
        ],
    );
}

#[test]
fn a_strict_reader_refuses_names_that_a_type_does_not_have() {
    for text in [
        "name.given1",
        "Encounter.name",
        "multipleBirthInteger",
        "children().skip(1)",
        "(deceased as dateTime).x",
    ] {
        assert_eq!(run_on(&patient(), text, true), "!Mismatch", "{text}");
    }
    assert_eq!(
        run_on(&patient(), "multipleBirthInteger", false),
        "2",
        "a lenient reader reads it as it stands"
    );
    assert_eq!(run_on(&patient(), "children().given.count()", true), "3");
}

#[test]
fn what_is_no_expression_is_refused_with_its_position() {
    for (text, position) in [
        ("", 0),
        ("1 +", 3),
        ("a b", 2),
        ("a.", 2),
        ("(a", 2),
        ("'a", 0),
        ("a /* b", 2),
        ("nope()", 0),
        ("name.take()", 5),
        ("a.$this", 2),
        ("1 is Nothing", 5),
        ("@20", 0),
        ("@T10:00Z", 7),
        ("#", 0),
        ("a[1", 3),
        ("'\\x'", 3),
        ("a.as(string1)", 5),
    ] {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
    }
}

#[test]
fn hostile_expressions_end_within_their_limits() {
    let deep = "(".repeat(100_000);
    let nested = format!("{}1{}", "(".repeat(500), ")".repeat(500));
    let long_path = format!("a{}", ".a".repeat(30_000));
    let signs = format!("{}1", "-".repeat(50_000));
    let calls = "a.where(".repeat(5_000);
    let sums = format!("1{}", "+1".repeat(20_000));
    for text in [&deep, &nested, &long_path, &signs, &calls, &sums] {
        assert!(Expression::parse(text).is_err(), "{}", &text[..20]);
    }
    assert!(Expression::parse(&format!("a{}", ".a".repeat(DEPTH_MAX - 2))).is_ok());
    let growth = format!("'aaaaaaaaaaaaaaaa'{}", ".replace('a', 'aaaaaaaaaaaaaaaa')".repeat(20));
    let repeats = "(1|2|3|4|5|6|7|8).select((1|2|3|4|5|6|7|8))".to_owned()
        + &".select(1.combine(2).combine(3).combine(4).combine(5).combine(6).combine(7))".repeat(12);
    let pattern = "'a'.matches('((((a{100}){100}){100}){100})')".to_owned();
    for (text, expected) in [(growth, "!TooCostly"), (repeats, "!TooCostly"), (pattern, "!Mismatch")] {
        assert_eq!(run_on(&Value::object(), &text, false), expected, "{text}");
    }
}

#[test]
fn no_text_makes_the_parser_or_a_run_panic() {
    let pieces = [
        "name",
        ".",
        "(",
        ")",
        "[",
        "]",
        "given",
        "'x'",
        "1",
        "2.5",
        "@2014",
        "@T10",
        " and ",
        " is ",
        "Patient",
        "$this",
        "%ucum",
        "where",
        "select",
        "|",
        "=",
        "<",
        "+",
        "-",
        "*",
        "/",
        " div ",
        "days",
        "{}",
        ",",
        "exists",
        "first",
        "~",
        "'mg'",
        "é",
        "\\",
        "`a`",
        "toQuantity",
        "extension",
        "iif",
        "repeat",
        "lowBoundary",
        "now",
        "sort",
        " as ",
        "ofType",
        "string",
        "true",
    ];
    let resource = patient();
    let mut seed = 20_260_301_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let (mut parsed, cases) = (0, 20_000);
    for _ in 0..cases {
        let text: String = (0..1 + next() % 9).map(|_| pieces[next() % pieces.len()]).collect();
        if !run_on(&resource, &text, false).starts_with("!parse") {
            parsed += 1;
        }
    }
    assert!(parsed > 200, "seed 20260301: only {parsed} of {cases} were expressions");
}
