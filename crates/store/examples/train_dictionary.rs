//! Trains the dictionary of packed bodies on the synthetic records that a node holds, which must be stopped:
//! `cargo run --release -p badiano-store --example train_dictionary -- DATA KEY_FILE OUT`.

use badiano_kernel::Fault;
use badiano_store::{Options, Store, train_dictionary};
use std::path::PathBuf;

/// A larger one gains little: the records repeat less than this.
const BYTES_MAX: usize = 64 << 10;
/// Of the next dictionary; number 1 ships.
const NUMBER: u32 = 1;
const SAMPLES: usize = 20_000;

fn main() -> Result<(), Fault> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [data, key_file, out] = &paths[..] else {
        return Err(Fault::invalid("usage: train_dictionary DATA KEY_FILE OUT"));
    };
    let (data, key_file) = (data.clone(), key_file.clone());
    let store = Store::open(Options { data, key_file, zone: "UTC".into() })?;
    let samples = store.read(|view| view.dictionary_samples(SAMPLES))?;
    let dictionary = train_dictionary(&samples, BYTES_MAX, NUMBER)?;
    std::fs::write(out, &dictionary).map_err(|e| Fault::unavailable(e.to_string()))?;
    println!(
        "{} samples of {} bytes, a dictionary of {} bytes",
        samples.len(),
        samples.iter().map(Vec::len).sum::<usize>(),
        dictionary.len()
    );
    Ok(())
}
