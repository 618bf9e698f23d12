//! Measures the parser of HL7 v2 on one core: `cargo xtask bench hl7` runs it in release mode and reads its lines.

use badiano_hl7::Message;
use badiano_testkit::{Date, Story};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Stories whose messages are read: registrations and orders, in four encodings, some with unknown segments.
const STORIES: u64 = 100;
const RUNS: usize = 5;
const RUN_TIME: Duration = Duration::from_millis(500);

fn main() {
    let day = Date::new(2026, 11, 23).expect("a day of the calendar");
    let messages: Vec<Vec<u8>> = (0..STORIES)
        .flat_map(|seed| {
            let story = Story::from_seed(seed, day);
            story.arrivals.iter().map(|arrival| story.message(arrival)).collect::<Vec<_>>()
        })
        .collect();
    // The best of a few runs: what else the machine does only slows.
    let best = (0..RUNS).map(|_| megabytes_a_second(&messages)).fold(0.0, f64::max);
    let sizes: usize = messages.iter().map(Vec::len).sum();
    eprintln!("{} messages of {} bytes on average", messages.len(), sizes / messages.len());
    println!(
        r#"{{"measure":"parse_mb_core_s","value":{best:.1},"unit":"MB/s","ratio_to":null,"better":"higher"}}"#
    );
}

/// Each message read whole, and every field of it asked for once: a parse that puts work off is not faster.
fn megabytes_a_second(messages: &[Vec<u8>]) -> f64 {
    let (began, mut bytes) = (Instant::now(), 0);
    while began.elapsed() < RUN_TIME {
        for message in messages {
            let read = Message::parse(message.as_slice()).expect("the testkit writes messages");
            let fields: usize =
                read.all_segments().flat_map(|s| s.fields()).map(|(_, f)| f.raw().len()).sum();
            black_box(fields);
            bytes += message.len();
        }
    }
    bytes as f64 / 1e6 / began.elapsed().as_secs_f64()
}
