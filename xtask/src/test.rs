//! `cargo xtask test`: every test there is; what a test needs is brought first, and nothing is skipped.

use crate::{codegen, fhir_clients, process, python, story, system, web};

pub fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask test".to_owned());
    }
    system::ensure()?;
    let python = python::ensure()?;
    web::build()?;
    // All run, also after a failure; Rust's own come last: their closing lines end the output.
    let all = [web::test(), story::drive(&python, &[]), rust(&python)];
    let failed: Vec<String> = all.into_iter().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\ntest: ")) }
}

pub fn rust(python: &std::path::Path) -> Result<(), String> {
    // Every test that there is; examples in documentation are none, and linking for them takes minutes.
    let all = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"];
    let (examples, clients) = (codegen::examples()?, fhir_clients::ensure()?);
    let mut tests = process::cargo();
    tests.args(all).env("BADIANO_PYTHON", python).env("BADIANO_R4_EXAMPLES", examples);
    process::run(tests.env("BADIANO_FHIR_CLIENTS", clients))
}
