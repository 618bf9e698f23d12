//! Measures the store on this machine's disk: `cargo run --release -p badiano-store --example measure_store -- FOLDER`.

use badiano_fhir::search::query::Test;
use badiano_fhir::search::{Entry, Filter, Key, Modifier, Prefix, Query, Total};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Expect, LeafDraft, Options, Put, Store, Tx, pat_of};
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

fn main() -> Result<(), Fault> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("measure-store"), PathBuf::from);
    let options = Options {
        data: folder.join("data"),
        key_file: folder.join("key").join("node.key"),
        zone: "UTC".into(),
    };
    let store = Store::open(options)?;
    floor(&folder);
    single(&store)?;
    for writers in [8, 64] {
        grouped(&store, writers)?;
    }
    bundles(&store)?;
    reads(&store)?;
    searches(&store)?;
    blobs(&store)?;
    let data = folder.join("data");
    let bytes = std::fs::metadata(data.join("badiano.db")).map_or(0, |m| m.len());
    println!("database: {} MB, {} bytes a resource", bytes >> 20, bytes / RESOURCES_ALL.max(1));
    Ok(())
}

const PATIENTS: u64 = 1_000;
const BUNDLES: u64 = 400;
const BUNDLE: u64 = 72;
const RESOURCES_ALL: u64 = BUNDLES * BUNDLE;

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!("{what}: p50 {:?}, p95 {:?}, p99 {:?} ({} times)", at(50), at(95), at(99), times.len());
}

/// What the disk itself takes for one small durable write.
fn floor(folder: &std::path::Path) {
    let mut file = std::fs::File::create(folder.join("floor")).expect("a file in the folder");
    let mut times = Vec::new();
    for _ in 0..300 {
        let began = Clock::now();
        std::io::Write::write_all(&mut file, &[1u8; 4096]).expect("room on the disk");
        file.sync_data().expect("a disk that syncs");
        times.push(began.elapsed());
    }
    show("write of 4 KiB and fdatasync", times);
}

fn body(id: &str, patient: &str, n: u64) -> (Value, Vec<Entry>) {
    let code = format!("{}-{}", 8_000 + n % 40, n % 10);
    let moment = Instant::from_seconds(1_700_000_000 + i64::try_from(n * 7_919 % 30_000_000).unwrap_or(0));
    let day = moment.to_rfc3339();
    let value = f64::from(u32::try_from(n % 1_000).unwrap_or(0)) / 10.0;
    let resource = fhir!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": (code.as_str()), "display": "Presión arterial sistólica" }] },
        "subject": { "reference": (format!("Patient/{patient}")) },
        "encounter": { "reference": (format!("Encounter/e-{patient}")) },
        "effectiveDateTime": (day.as_str()),
        "performer": [{ "reference": "Practitioner/dr-1" }],
        "valueQuantity": { "value": (Value::Number(format!("{value}").into())), "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]" }
    });
    let reference = |kind: &str, id: &str| Key::Reference {
        kind: kind.into(),
        id: id.into(),
        url: "".into(),
        identifier: None,
    };
    let token =
        |system: &str, code: &str| Key::Token { system: system.into(), code: code.into(), text: "".into() };
    let entry = |param: &str, key: Key| Entry { param: param.into(), key };
    let to = Instant::from_micros(moment.micros + 1_000);
    let quantity = Key::Quantity {
        low: value - 0.05,
        high: value + 0.05,
        system: "http://unitsofmeasure.org".into(),
        code: "mm[Hg]".into(),
        canonical: None,
    };
    let entries = vec![
        entry("code", token("http://loinc.org", &code)),
        entry("combo-code", token("http://loinc.org", &code)),
        entry("category", token("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")),
        entry("status", token("http://hl7.org/fhir/observation-status", "final")),
        entry("subject", reference("Patient", patient)),
        entry("patient", reference("Patient", patient)),
        entry("encounter", reference("Encounter", &format!("e-{patient}"))),
        entry("performer", reference("Practitioner", "dr-1")),
        entry("date", Key::Date { from: moment, to }),
        entry("value-quantity", quantity),
    ];
    (resource, entries)
}

fn put(tx: &mut Tx<'_>, n: u64) -> Result<(), Fault> {
    let (id, patient) = (format!("o{n}"), format!("p{}", n % PATIENTS));
    let (resource, entries) = body(&id, &patient, n);
    let now = Instant::from_seconds(1_700_000_000);
    tx.put(Put {
        kind: "Observation",
        id: &id,
        expect: Expect::Any,
        body: &resource,
        entries: &entries,
        pats: &[pat_of(&patient)],
        class: 1,
        source: "MCSSA000001",
        now,
    })?;
    let content = b"{\"act\":\"create\",\"purpose\":\"TREAT\"}".repeat(8);
    tx.leaf(LeafDraft { subject: Some([u8::try_from(n % 251).unwrap_or(0); 32]), content, now }).map(|_| ())
}

fn single(store: &Store) -> Result<(), Fault> {
    let mut times = Vec::new();
    for n in 0..500 {
        let began = Clock::now();
        store.write(move |tx| put(tx, 10_000_000 + n)).wait()?;
        times.push(began.elapsed());
    }
    show("one resource with its audit leaf, one writer", times);
    Ok(())
}

fn grouped(store: &Store, writers: u64) -> Result<(), Fault> {
    let each = 300;
    let began = Clock::now();
    std::thread::scope(|scope| -> Result<(), Fault> {
        let all: Vec<_> = (0..writers)
            .map(|w| {
                scope.spawn(move || {
                    (0..each)
                        .try_for_each(|n| store.write(move |tx| put(tx, 20_000_000 + w * 1_000 + n)).wait())
                })
            })
            .collect();
        all.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err(Fault::bug("a writer broke off"))))
    })?;
    let took = began.elapsed().as_secs_f64();
    println!(
        "{writers} writers: {:.0} durable writes/s",
        f64::from(u32::try_from(writers * each).unwrap_or(0)) / took
    );
    Ok(())
}

fn bundles(store: &Store) -> Result<(), Fault> {
    let began = Clock::now();
    let mut waiting = std::collections::VecDeque::new();
    for b in 0..BUNDLES {
        waiting.push_back(store.write(move |tx| (0..BUNDLE).try_for_each(|n| put(tx, b * BUNDLE + n))));
        if waiting.len() >= 8
            && let Some(first) = waiting.pop_front()
        {
            first.wait()?;
        }
    }
    waiting.into_iter().try_for_each(badiano_store::Pending::wait)?;
    let took = began.elapsed().as_secs_f64();
    println!(
        "bundles of {BUNDLE}, 8 in flight: {:.0} resources/s with 10 search entries and a leaf each",
        f64::from(u32::try_from(RESOURCES_ALL).unwrap_or(0)) / took
    );
    Ok(())
}

fn reads(store: &Store) -> Result<(), Fault> {
    let mut times = Vec::new();
    for n in 0..20_000u64 {
        let began = Clock::now();
        let id = format!("o{}", n * 7_919 % RESOURCES_ALL);
        store.read(|view| view.get("Observation", &id))?.ok_or_else(|| Fault::bug("it was just written"))?;
        let draft =
            LeafDraft { subject: Some([1; 32]), content: vec![1; 200], now: Instant::from_seconds(0) };
        store.note_read(draft)?;
        times.push(began.elapsed());
    }
    show("read by id with its entry in the access spool", times);
    Ok(())
}

fn searches(store: &Store) -> Result<(), Fault> {
    let mut times = Vec::new();
    let mut found = 0;
    for n in 0..2_000u64 {
        let patient = Test::Reference {
            kind: Some("Patient".into()),
            id: format!("p{}", n % PATIENTS).into(),
            url: "".into(),
        };
        let code = Test::Token {
            system: Some("http://loinc.org".into()),
            code: Some(format!("{}-{}", 8_000 + n % 40, n % 10).into()),
        };
        let date = Test::Date {
            prefix: Prefix::Ge,
            from: Instant::from_seconds(1_700_000_000),
            to: Instant::from_seconds(1_700_086_400),
        };
        let param = |param: &str, test: Test| Filter::Param {
            param: param.into(),
            modifier: Modifier::None,
            any_of: vec![test],
        };
        let query = Query {
            kind: "Observation".into(),
            filters: vec![param("patient", patient), param("code", code), param("date", date)],
            count: 50,
            total: Total::Accurate,
            ..Query::default()
        };
        let began = Clock::now();
        found += store.read(|view| view.search(&query, &|_| true))?.hits.len();
        times.push(began.elapsed());
    }
    show(&format!("patient + code + date ({found} hits in all)"), times);
    Ok(())
}

fn blobs(store: &Store) -> Result<(), Fault> {
    for (name, bytes, count, threads) in [
        ("512 KiB", 512usize << 10, 200u32, 1u32),
        ("512 KiB", 512 << 10, 100, 8),
        ("64 MiB", 64 << 20, 8, 1),
    ] {
        let data: Vec<u8> = (0..bytes).map(|i| u8::try_from(i * 31 % 251).unwrap_or(0)).collect();
        let began = Clock::now();
        std::thread::scope(|scope| -> Result<(), Fault> {
            let all: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        (0..count).try_for_each(|_| {
                            let mut writer = store.blob_writer()?;
                            data.chunks(128 << 10).try_for_each(|part| writer.write(part))?;
                            let blob = writer.finish()?;
                            store.write(move |tx| tx.keep_blob(&blob)).wait()
                        })
                    })
                })
                .collect();
            all.into_iter()
                .try_for_each(|t| t.join().unwrap_or_else(|_| Err(Fault::bug("a writer broke off"))))
        })?;
        let took = began.elapsed().as_secs_f64();
        let objects = f64::from(count * threads);
        println!(
            "blobs of {name}, {threads} writers: {:.0}/s, {:.0} MB/s durable",
            objects / took,
            objects * f64::from(u32::try_from(bytes).unwrap_or(0)) / took / 1e6
        );
    }
    let mut writer = store.blob_writer()?;
    writer.write(&vec![1u8; 64 << 20])?;
    let blob = writer.finish()?;
    let began = Clock::now();
    let mut reader = store.blob(&blob)?;
    std::io::copy(&mut reader, &mut std::io::sink()).map_err(|_| Fault::bug("a blob that cannot be read"))?;
    println!("reading 64 MiB: {:.0} MB/s", 67.1 / began.elapsed().as_secs_f64());
    let mut times = Vec::new();
    for n in 0..2_000u64 {
        let began = Clock::now();
        reader.read_range(n * 32_003 % (60 << 20), 50_000)?;
        times.push(began.elapsed());
    }
    show("a range of 50 kB", times);
    Ok(())
}
