//! The configuration of a node: the command line, over a file `badiano.toml` in the data directory, over the defaults.

use badiano_gateway::Patience;
use badiano_gateway::oauth::{Provider, SecondFactor};
use badiano_kernel::Fault;
use badiano_record::{NodeRole, Settings};
use clap::Args;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Args, Clone, Debug, Default)]
pub struct ServeOptions {
    /// Papel del nodo / role of the node: hospital | hub
    #[arg(long)]
    pub role: Option<String>,
    /// Directorio de datos / data directory [default: ./badiano-data]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Archivo de la llave, fuera del directorio de datos / key file, outside the data directory [default: DATA.key]
    #[arg(long)]
    pub key_file: Option<PathBuf>,
    /// Nombre de la institución / name of the institution
    #[arg(long)]
    pub name: Option<String>,
    /// CLUES de la institución / the institution's CLUES
    #[arg(long)]
    pub clues: Option<String>,
    /// Zona horaria IANA / IANA time zone
    #[arg(long)]
    pub zone: Option<String>,
    /// Dirección HTTPS / HTTPS address [default: 127.0.0.1:8443]
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Dirección HTTP sin cifrar, solo loopback / plain HTTP address, loopback only
    #[arg(long)]
    pub http: Option<SocketAddr>,
    /// Nombre con que otros llegan a este nodo / host name others reach this node by [default: localhost]
    #[arg(long)]
    pub host: Option<String>,
    /// Dirección DICOM / DICOM address [default: 127.0.0.1:11112, hospital]
    #[arg(long)]
    pub dimse: Option<SocketAddr>,
    /// Título AE / AE title [default: BADIANO]
    #[arg(long)]
    pub ae_title: Option<String>,
    /// Dirección MLLP (HL7 v2) / MLLP address [default: 127.0.0.1:2575, hospital]
    #[arg(long)]
    pub mllp: Option<SocketAddr>,
    /// Con menos bytes libres no se recibe nada más / with fewer bytes free nothing more is taken in [default: 536870912]
    #[arg(long)]
    pub free_bytes_min: Option<u64>,
    /// Host (o host:puerto) de un suscriptor que puede ser privado y sin TLS / host (or host:port) of a subscriber that may be private and without TLS
    #[arg(long)]
    pub subscriber: Vec<String>,
}

/// What `badiano.toml` may say.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct File {
    role: Option<String>,
    name: Option<String>,
    clues: Option<String>,
    zone: Option<String>,
    listen: Option<SocketAddr>,
    http: Option<SocketAddr>,
    host: Option<String>,
    dimse: Option<SocketAddr>,
    ae_title: Option<String>,
    mllp: Option<SocketAddr>,
    key_file: Option<PathBuf>,
    free_bytes_min: Option<u64>,
    /// Hosts of subscribers that may be private and without TLS.
    subscribers: Vec<String>,
    provider: Vec<FileProvider>,
    exchange: FileExchange,
}

/// How long other institutions may take to answer.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct FileExchange {
    /// While a person waits; 5 where nothing is said.
    wait_seconds: Option<u64>,
    /// While nobody does, and the most that a caller may ask for; 30 where nothing is said.
    wait_longest_seconds: Option<u64>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct FileProvider {
    id: String,
    name: String,
    issuer: String,
    client_id: String,
    /// The secret lies in a file of its own.
    client_secret_file: Option<PathBuf>,
    /// `citizen` or `staff`.
    people: String,
    /// Values of `acr` that say that the provider asked for a second factor.
    #[serde(default)]
    acr: Vec<String>,
    /// Values of `amr` that say so.
    #[serde(default)]
    amr: Vec<String>,
}

/// A node's configuration, complete.
#[derive(Debug, Clone)]
pub struct Config {
    pub data: PathBuf,
    pub key_file: PathBuf,
    pub settings: Settings,
    pub listen: SocketAddr,
    pub http: Option<SocketAddr>,
    pub host: String,
    pub dimse: Option<SocketAddr>,
    pub ae_title: String,
    pub mllp: Option<SocketAddr>,
    pub free_bytes_min: Option<u64>,
    pub providers: Vec<Provider>,
    pub patience: Patience,
    pub subscribers: Vec<String>,
}

impl ServeOptions {
    pub fn data_dir(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from("badiano-data"))
    }

    pub fn complete(&self) -> Result<Config, Fault> {
        let data = self.data_dir();
        let file = read_file(&data.join("badiano.toml"))?;
        let role = self.role.clone().or(file.role).unwrap_or_else(|| "hospital".to_owned());
        let role = match role.as_str() {
            "hospital" => NodeRole::Hospital,
            "hub" => NodeRole::Hub,
            _ => return Err(Fault::invalid("a role is hospital or hub").at("--role")),
        };
        let is_hospital = role == NodeRole::Hospital;
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let default_name = if is_hospital { "Hospital sin nombre" } else { "Concentrador nacional" };
        let key_file = self.key_file.clone().or(file.key_file).unwrap_or_else(|| beside(&data));
        Ok(Config {
            settings: Settings {
                role,
                name: self.name.clone().or(file.name).unwrap_or_else(|| default_name.to_owned()),
                clues: self.clues.clone().or(file.clues).unwrap_or_else(|| "DFSSA999999".to_owned()),
                zone: self.zone.clone().or(file.zone).unwrap_or_else(|| "America/Mexico_City".to_owned()),
            },
            listen: self.listen.or(file.listen).unwrap_or_else(|| local(8443)),
            http: self.http.or(file.http),
            host: self.host.clone().or(file.host).unwrap_or_else(|| "localhost".to_owned()),
            dimse: self.dimse.or(file.dimse).or(is_hospital.then(|| local(11112))),
            ae_title: self.ae_title.clone().or(file.ae_title).unwrap_or_else(|| "BADIANO".to_owned()),
            mllp: self.mllp.or(file.mllp).or(is_hospital.then(|| local(2575))),
            free_bytes_min: self.free_bytes_min.or(file.free_bytes_min),
            patience: patience(&file.exchange)?,
            subscribers: [self.subscriber.clone(), file.subscribers].concat(),
            providers: file.provider.into_iter().map(provider).collect::<Result<_, _>>()?,
            data,
            key_file,
        })
    }
}

fn patience(file: &FileExchange) -> Result<Patience, Fault> {
    let usual = Patience::default();
    let said = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
    let (person, longest) =
        (said(file.wait_seconds, usual.person), said(file.wait_longest_seconds, usual.longest));
    let within = Duration::from_secs(1)..=Duration::from_secs(300);
    if within.contains(&person) && within.contains(&longest) && person <= longest {
        Ok(Patience { person, longest })
    } else {
        Err(Fault::invalid("wait_seconds <= wait_longest_seconds, both from 1 to 300").at("exchange"))
    }
}

fn read_file(path: &Path) -> Result<File, Fault> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            toml::from_str(&text).map_err(|e| Fault::invalid(e.to_string()).at(path.display().to_string()))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(File::default()),
        Err(e) => Err(Fault::unavailable(e.to_string()).at(path.display().to_string())),
    }
}

fn provider(file: FileProvider) -> Result<Provider, Fault> {
    let secret = match &file.client_secret_file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(
                text.map_err(|e| Fault::unavailable(e.to_string()).at(path.display().to_string()))?
                    .trim()
                    .to_owned(),
            )
        }
        None => None,
    };
    Ok(Provider {
        id: file.id,
        name: file.name,
        issuer: file.issuer,
        client_id: file.client_id,
        client_secret: secret,
        for_citizens: match file.people.as_str() {
            "citizen" => true,
            "staff" => false,
            _ => return Err(Fault::invalid("a provider is for citizen or staff").at("provider.people")),
        },
        second_factor: SecondFactor { acr: file.acr, amr: file.amr },
    })
}

/// `DIR.key` beside `DIR`.
fn beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    data.with_file_name(name)
}
