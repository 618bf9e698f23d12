//! The project's own commands: one table, one file per command.

mod bench;
mod ci;
mod codegen;
mod demo;
mod fhir_clients;
mod new;
mod place;
mod process;
mod prove;
mod python;
mod stopped;
mod story;
mod system;
mod test;
mod tidy;
mod web;

use std::process::ExitCode;
use stopped::Stopped;

/// What a command is called, what it does in Spanish and in English, and what runs it.
struct Command {
    name: &'static str,
    es: &'static str,
    en: &'static str,
    run: Run,
}

enum Run {
    Here(fn(&[String]) -> Result<(), String>),
    /// A command with parts, some of which may not be there yet.
    InParts(fn(&[String]) -> Result<(), Stopped>),
}

const COMMANDS: [Command; 10] = [
    Command {
        name: "demo",
        es: "construye todo e inicia un concentrador y dos hospitales [--data DIR] [--port-base N] [--fresh]",
        en: "build everything and start a hub and two hospitals",
        run: Run::Here(demo::run),
    },
    Command {
        name: "test",
        es: "todas las pruebas: páginas, la historia con programas de otros, y las de Rust",
        en: "every test: pages, the story with other people's software, and Rust's own",
        run: Run::Here(test::run),
    },
    Command {
        name: "ci",
        es: "la puerta completa: formato, avisos, reglas de la casa, pruebas; minutos por paso",
        en: "the whole gate: format, lints, house rules, tests; minutes per step",
        run: Run::Here(ci::run),
    },
    Command {
        name: "tidy",
        es: "las reglas de la casa; cada falta con archivo, línea y qué hacer",
        en: "the house rules; every breach with file, line and what to do",
        run: Run::Here(tidy::run),
    },
    Command {
        name: "web",
        es: "construye las páginas que el programa lleva dentro",
        en: "build the pages that the program carries inside",
        run: Run::Here(web::run),
    },
    Command {
        name: "story",
        es: "la historia de principio a fin, sola (las opciones pasan al conductor)",
        en: "the story end to end, alone (options go to its driver)",
        run: Run::Here(story::run),
    },
    Command {
        name: "codegen",
        es: "rehace las definiciones FHIR compiladas, o las compara [--check]",
        en: "make the compiled FHIR definitions again, or compare them",
        run: Run::Here(codegen::run),
    },
    Command {
        name: "new",
        es: "una carpeta nueva de la forma de todas: new department NOMBRE",
        en: "a new folder of the shape of all: new department NAME",
        run: Run::Here(new::run),
    },
    Command {
        name: "bench",
        es: "mediciones de un área en modo release: AREA [--json FILE]; --peers dice qué hay con qué comparar",
        en: "measurements of an area, in release mode; --peers says what there is to compare with",
        run: Run::InParts(bench::run),
    },
    Command {
        name: "prove",
        es: "las pruebas de un área con su cuenta completa, guardadas en docs/proofs: AREA [--seed N] [--minutes N]",
        en: "the tests of an area at their full count, kept in docs/proofs",
        run: Run::InParts(prove::run),
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        println!("{}", list());
        return ExitCode::SUCCESS;
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", list());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        eprintln!("no existe / there is no `{name}`\n\n{}", list());
        return ExitCode::from(64);
    };
    if rest.iter().any(|a| a == "--help" || a == "-h") {
        println!("cargo xtask {}\n  {}\n  {}", command.name, command.es, command.en);
        return ExitCode::SUCCESS;
    }
    let done = match command.run {
        Run::Here(run) => run(rest).map_err(Stopped::Failed),
        Run::InParts(run) => run(rest),
    };
    let Err(stopped) = done else { return ExitCode::SUCCESS };
    let (Stopped::Failed(text) | Stopped::NotThereYet(text)) = &stopped;
    eprintln!("\n{name}: {text}");
    ExitCode::from(stopped.exit_code())
}

fn list() -> String {
    let mut text = String::from("cargo xtask <orden / command>\n");
    for command in &COMMANDS {
        text.push_str(&format!("\n  {:<8} {}\n  {:<8} {}\n", command.name, command.es, "", command.en));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_names_every_command_in_both_languages() {
        let list = super::list();
        for command in &super::COMMANDS {
            assert!(list.contains(command.es) && list.contains(command.en), "{}", command.name);
        }
    }
}
