//! What an administrator does at a running node by command: each command is one call of the pages' own doors, through the operator's door.

use super::operator::Door;
use super::{runtime, say};
use crate::Format;
use badiano_kernel::Fault;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Longest password or key set that is read from standard input.
const INPUT_BYTES_MAX: u64 = 64 << 10;

/// Which running node.
#[derive(Args, Clone, Debug)]
pub struct At {
    /// Directorio de datos del nodo en marcha / data directory of the running node
    #[arg(long, global = true, default_value = "badiano-data")]
    data: PathBuf,
}

#[derive(Subcommand, Debug)]
pub enum Peers {
    /// Equipos y remitentes de la lista, y quién tocó la puerta / who is listed, and who knocked
    List,
    /// Agrega un equipo o lo cambia / add a peer or change it
    Put {
        /// dicom | hl7
        kind: String,
        /// Título AE, o MSH-3|MSH-4 / AE title, or MSH-3|MSH-4
        name: String,
        /// Dirección desde la que habla / the address it speaks from
        host: String,
        /// Donde escucha; 0 si solo envía / where it listens; 0 when it only sends
        #[arg(default_value_t = 0)]
        port: u16,
        #[arg(long, default_value = "")]
        description: String,
        /// CLUES; vacía es la de este nodo / CLUES; empty is this node's own
        #[arg(long, default_value = "")]
        institution: String,
        /// Certificado que debe mostrar por TLS, PEM (DICOM) / certificate that it must show over TLS, PEM (DICOM)
        #[arg(long)]
        certificate: Option<PathBuf>,
    },
    /// C-ECHO, o un mensaje HL7 que no pide nada / C-ECHO, or an HL7 message that asks for nothing
    Test {
        name: String,
    },
    Suspend {
        name: String,
    },
    Admit {
        name: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Users {
    List,
    /// Crea una cuenta; la contraseña llega por la entrada estándar / make an account; the password comes by standard input
    Add {
        account: String,
        name: String,
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        #[arg(long)]
        cedula: Option<String>,
    },
    Roles {
        account: String,
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    Suspend {
        account: String,
    },
    Admit {
        account: String,
    },
    /// Quién entra por un proveedor, y quién llegó y no tiene cuenta / who comes from a provider, and who came and has no account
    Links,
    Link {
        account: String,
        issuer: String,
        subject: String,
    },
    Unlink {
        issuer: String,
        subject: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Institutions {
    List,
    /// Código de un solo uso para unirse / a one-time code to join with
    Invite {
        clues: String,
    },
    Suspend {
        clues: String,
    },
    Admit {
        clues: String,
    },
    /// Ningún nodo acepta ya su certificado / no node takes its certificate any more
    Revoke {
        clues: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Systems {
    List,
    /// Registra un sistema o lo cambia; su JWK Set llega por la entrada estándar / its JWK Set comes by standard input
    Put {
        id: String,
        name: String,
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
    },
    Suspend {
        id: String,
    },
    Admit {
        id: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Messages {
    List,
    /// Aplica de nuevo un mensaje retenido / apply a held message again
    Replay {
        id: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Queues {
    /// Qué espera y por qué / what waits, and why
    List,
    Retry {
        id: u64,
    },
    Discard {
        id: u64,
    },
}

/// A group of commands, and the node that they are for.
#[derive(Args, Debug)]
pub struct Group<C: Subcommand> {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: C,
}

/// One call of a door.
#[derive(Debug, PartialEq)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    /// The list that the answer is about.
    list: &'static str,
}

fn get(path: &str, list: &'static str) -> Call {
    Call { method: Method::GET, path: format!("/api/admin/{path}"), body: None, list }
}

fn send(method: Method, path: String, body: Value) -> Call {
    Call { method, path: format!("/api/admin/{path}"), body: Some(body), list: "" }
}

fn post(path: String, body: Value) -> Call {
    send(Method::POST, path, body)
}

/// What a command comes to at the node.
pub trait Calls: Subcommand {
    fn call(&self, door: &Asked<'_>) -> Result<Call, Fault>;
}

/// What a command may need beside its arguments.
pub struct Asked<'a> {
    door: &'a Door,
    runtime: &'a tokio::runtime::Runtime,
}

impl Asked<'_> {
    fn ask(&self, call: &Call) -> Result<Value, Fault> {
        self.runtime.block_on(self.door.ask(call.method.clone(), &call.path, call.body.as_ref()))
    }

    /// The id of a peer that a person names by its name.
    fn peer(&self, name: &str) -> Result<String, Fault> {
        let all = self.ask(&get("peers", "peers"))?;
        let fits = |p: &&Value| p["name"] == name || p["id"] == name;
        let found: Vec<&Value> = all["peers"].as_array().into_iter().flatten().filter(fits).collect();
        match found.as_slice() {
            [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
            [] => Err(Fault::not_found("no such peer")),
            _ => Err(Fault::conflict("two peers have this name: give the id")),
        }
    }
}

impl Calls for Peers {
    fn call(&self, asked: &Asked<'_>) -> Result<Call, Fault> {
        Ok(match self {
            Peers::List => get("peers", "peers"),
            Peers::Put { kind, name, host, port, description, institution, certificate } => {
                let failed = |e: std::io::Error| Fault::invalid(e.to_string()).at("--certificate");
                let pem = certificate.as_ref().map(std::fs::read_to_string).transpose().map_err(failed)?;
                let peer = json!({
                    "kind": kind, "name": name, "host": host, "port": port,
                    "description": description, "institution": institution, "certificate": pem
                });
                send(Method::PUT, "peers".into(), peer)
            }
            Peers::Test { name } => post(format!("peers/{}/test", asked.peer(name)?), json!({})),
            Peers::Suspend { name } => active(format!("peers/{}", asked.peer(name)?), false),
            Peers::Admit { name } => active(format!("peers/{}", asked.peer(name)?), true),
        })
    }
}

impl Calls for Users {
    fn call(&self, _: &Asked<'_>) -> Result<Call, Fault> {
        Ok(match self {
            Users::List => get("users", "users"),
            Users::Add { account, name, roles, cedula } => post(
                "users".into(),
                json!({
                    "account": account, "name": name, "roles": roles, "cedula": cedula,
                    "password": input("password")?
                }),
            ),
            Users::Roles { account, roles } => {
                send(Method::PUT, format!("users/{}/roles", part(account)), json!({ "roles": roles }))
            }
            Users::Suspend { account } => active(format!("users/{}", part(account)), false),
            Users::Admit { account } => active(format!("users/{}", part(account)), true),
            Users::Links => get("links", "links"),
            Users::Link { account, issuer, subject } => {
                post("links".into(), json!({ "account": account, "issuer": issuer, "subject": subject }))
            }
            Users::Unlink { issuer, subject } => {
                post("links/remove".into(), json!({ "issuer": issuer, "subject": subject }))
            }
        })
    }
}

impl Calls for Institutions {
    fn call(&self, _: &Asked<'_>) -> Result<Call, Fault> {
        Ok(match self {
            Institutions::List => get("institutions", "institutions"),
            Institutions::Invite { clues } => post("join-codes".into(), json!({ "clues": clues })),
            Institutions::Suspend { clues } => active(format!("institutions/{}", part(clues)), false),
            Institutions::Admit { clues } => active(format!("institutions/{}", part(clues)), true),
            Institutions::Revoke { clues } => post(format!("institutions/{}/revoke", part(clues)), json!({})),
        })
    }
}

impl Calls for Systems {
    fn call(&self, _: &Asked<'_>) -> Result<Call, Fault> {
        let set =
            |id: &str, active: bool| post("systems/active".into(), json!({ "id": id, "active": active }));
        Ok(match self {
            Systems::List => get("systems", "systems"),
            Systems::Put { id, name, scopes } => send(
                Method::PUT,
                "systems".into(),
                json!({ "id": id, "name": name, "scopes": scopes, "jwks": input("JSON Web Key Set")? }),
            ),
            Systems::Suspend { id } => set(id, false),
            Systems::Admit { id } => set(id, true),
        })
    }
}

impl Calls for Messages {
    fn call(&self, _: &Asked<'_>) -> Result<Call, Fault> {
        Ok(match self {
            Messages::List => get("messages", "messages"),
            Messages::Replay { id } => post(format!("messages/{}/replay", part(id)), json!({})),
        })
    }
}

impl Calls for Queues {
    fn call(&self, _: &Asked<'_>) -> Result<Call, Fault> {
        Ok(match self {
            Queues::List => get("queues", "items"),
            Queues::Retry { id } => post(format!("queues/{id}/retry"), json!({})),
            Queues::Discard { id } => {
                Call { body: None, ..send(Method::DELETE, format!("queues/{id}"), Value::Null) }
            }
        })
    }
}

/// The state of the running node.
pub fn status(at: &At, format: Format) -> Result<ExitCode, Fault> {
    let (door, runtime) = (open(at)?, runtime()?);
    let asked = Asked { door: &door, runtime: &runtime };
    show(&asked.ask(&get("status", ""))?, "", format);
    Ok(ExitCode::SUCCESS)
}

pub fn run<C: Calls>(group: &Group<C>, format: Format) -> Result<ExitCode, Fault> {
    let (door, runtime) = (open(&group.at)?, runtime()?);
    let asked = Asked { door: &door, runtime: &runtime };
    let call = group.command.call(&asked)?;
    let answer = asked.ask(&call)?;
    show(&answer, call.list, format);
    // That a peer did not answer its test is an answer, and no success.
    Ok(if answer["ok"] == false { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn open(at: &At) -> Result<Door, Fault> {
    Door::of_running(&at.data)?.ok_or_else(|| {
        Fault::unavailable("no node runs on this data directory").at(at.data.display().to_string())
    })
}

fn active(of: String, active: bool) -> Call {
    post(format!("{of}/active"), json!({ "active": active }))
}

/// One part of a path (RFC 3986, section 3.3).
fn part(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What must not stand in a command line, where other users of the machine read it.
fn input(what: &str) -> Result<String, Fault> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|e| Fault::invalid(format!("{what}: {e}")).at("standard input"))?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() {
        return Err(Fault::invalid(format!("the {what} comes by standard input")).at("standard input"));
    }
    Ok(text)
}

fn show(answer: &Value, list: &str, format: Format) {
    match (format, answer) {
        (Format::Json, _) => say(&answer.to_string()),
        (Format::Text, Value::Null | Value::String(_)) => say("listo"),
        (Format::Text, _) => match answer[list].as_array() {
            Some(rows) => rows.iter().for_each(|row| say(&line(row))),
            None => {
                for (name, value) in answer.as_object().into_iter().flatten().filter(|(n, _)| *n != "qr_svg")
                {
                    say(&format!("{name}\t{}", plain(value)));
                }
            }
        },
    }
}

/// A row as tab-separated text, in the order of its fields.
fn line(row: &Value) -> String {
    let fields = row.as_object().into_iter().flatten();
    let shown = fields.filter(|(name, _)| !matches!(name.as_str(), "jwks" | "losses"));
    shown.map(|(_, value)| plain(value)).collect::<Vec<_>>().join("\t")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace(['\t', '\n', '\r'], " "),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_line_and_a_name_is_one_part_of_a_path() {
        let row =
            json!({ "name": "RIS|NORTE", "port": 0, "roles": ["a", "b"], "why": "two\nlines", "jwks": "{}" });
        assert_eq!(line(&row), "RIS|NORTE\t0\ta,b\ttwo lines");
        assert_eq!(part("ana/../x ñ"), "ana%2F..%2Fx%20%C3%B1");
    }
}
