//! `cargo xtask story`: one patient's way through two hospitals and the hub, driven by other people's software.

use crate::{place, process, python, system, web};
use std::process::Command;

const DRIVER: &str = "tests/story/run.mjs";

pub fn run(arguments: &[String]) -> Result<(), String> {
    system::ensure()?;
    web::build()?;
    drive(&python::ensure()?, arguments)
}

/// The driver gets the binary and the interpreter by environment, and its own options as they were given.
pub fn drive(python: &std::path::Path, arguments: &[String]) -> Result<(), String> {
    let driver = place::root().join(DRIVER);
    if !driver.exists() {
        return Err(format!("{DRIVER} is not there: the story cannot be told"));
    }
    process::run(process::cargo().args(["build", "--package", "badiano-server"]))?;
    let mut command = Command::new("node");
    command.arg(driver).args(arguments);
    command.current_dir(place::root()).env("CARGO_TARGET_DIR", place::target());
    command.env("BADIANO_BINARY", place::binary("debug")).env("BADIANO_PYTHON", python);
    process::run(&mut command)
}
