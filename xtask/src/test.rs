//! `cargo xtask test`: every test there is; what a test needs is brought first, and nothing is skipped.

use crate::{process, python, story, system, web};

pub fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask test".to_owned());
    }
    system::ensure()?;
    let python = python::ensure()?;
    web::build()?;
    // Rust's own tests run even when the story fails, and come last: their closing lines end the output.
    let told = story::drive(&python, &[]);
    let tested = rust(&python);
    match (told, tested) {
        (Ok(()), done) => done,
        (told, Ok(())) => told,
        (Err(story), Err(rust)) => Err(format!("{story}\ntest: {rust}")),
    }
}

pub fn rust(python: &std::path::Path) -> Result<(), String> {
    process::run(
        process::cargo().args(["test", "--workspace", "--no-fail-fast"]).env("BADIANO_PYTHON", python),
    )
}
