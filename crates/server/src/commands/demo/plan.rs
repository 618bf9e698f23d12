//! What the demo consists of: three nodes with their ports and folders, and the story's people.

use super::DemoOptions;
use badiano_kernel::{Fault, Instant};
use badiano_mexico::Date;
use badiano_testkit::story::Story;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A directory with this file in it was made by a demo.
pub const MARK: &str = ".badiano-demo";
/// CLUES of the hub: of the right shape, and nobody's.
const HUB_CLUES: &str = "DFSSA999001";
/// The hospitals bear their plain names under this seed.
const PLAIN_SEED: u64 = 1552;

pub struct Plan {
    pub data: PathBuf,
    pub seed: u64,
    pub story: Story,
    /// The hub first.
    pub nodes: Vec<NodePlan>,
    pub oidc_issuer: Option<String>,
    pub oidc_client_id: String,
}

pub struct NodePlan {
    pub key: String,
    pub role: &'static str,
    pub name: String,
    pub clues: String,
    pub zone: String,
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub http: SocketAddr,
    pub dimse: Option<SocketAddr>,
    pub mllp: Option<SocketAddr>,
    pub ae_title: String,
}

impl Plan {
    pub fn new(options: &DemoOptions) -> Result<Self, Fault> {
        let data =
            std::path::absolute(&options.data).map_err(|e| Fault::invalid(e.to_string()).at("--data"))?;
        let today = Instant::now().to_compact_in("America/Mexico_City");
        let part = |r: std::ops::Range<usize>| today.get(r).and_then(|t| t.parse::<u16>().ok()).unwrap_or(1);
        let small = |n: u16| u8::try_from(n).unwrap_or(1);
        let day = Date::new(part(0..4), small(part(4..6)), small(part(6..8)));
        let day = day.ok_or_else(|| Fault::unavailable("the clock gives no date"))?;
        let story = Story::from_seed(options.seed, day);
        let port = |n: u16| SocketAddr::from(([127, 0, 0, 1], options.port_base + n));
        let plain = |name: &str| match options.seed {
            PLAIN_SEED => name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end().to_owned(),
            _ => name.to_owned(),
        };
        let hospital = |h: &badiano_testkit::story::Hospital, first: u16| NodePlan {
            key: h.key.to_owned(),
            role: "hospital",
            name: plain(&h.name),
            clues: h.clues.as_str().to_owned(),
            zone: h.zone.to_owned(),
            data: data.join(h.key),
            http: port(first),
            listen: port(first + 1),
            dimse: Some(port(first + 2)),
            mllp: Some(port(first + 3)),
            ae_title: h.ae_title.clone(),
        };
        let hub = NodePlan {
            key: "hub".to_owned(),
            role: "hub",
            name: "Concentrador nacional".to_owned(),
            clues: HUB_CLUES.to_owned(),
            zone: "America/Mexico_City".to_owned(),
            data: data.join("hub"),
            http: port(0),
            listen: port(1),
            dimse: None,
            mllp: None,
            ae_title: story.hub_ae.clone(),
        };
        let nodes = vec![hub, hospital(&story.north, 10), hospital(&story.south, 20)];
        Ok(Plan {
            data,
            seed: options.seed,
            story,
            nodes,
            oidc_issuer: options.oidc_issuer.clone(),
            oidc_client_id: options.oidc_client_id.clone(),
        })
    }
}

impl NodePlan {
    /// Where browsers and scripts on this machine reach the node.
    pub fn pages(&self) -> String {
        format!("http://localhost:{}", self.http.port())
    }
    /// Where other nodes reach it.
    pub fn https(&self) -> String {
        format!("https://localhost:{}", self.listen.port())
    }
    /// What `badiano` is started with.
    pub fn arguments(&self) -> Vec<String> {
        let mut all = vec!["serve".to_owned()];
        let mut add = |name: &str, value: String| all.extend([format!("--{name}"), value]);
        add("role", self.role.to_owned());
        add("data", self.data.display().to_string());
        add("name", self.name.clone());
        add("clues", self.clues.clone());
        add("zone", self.zone.clone());
        add("listen", self.listen.to_string());
        add("http", self.http.to_string());
        add("ae-title", self.ae_title.clone());
        if let Some(dimse) = self.dimse {
            add("dimse", dimse.to_string());
        }
        if let Some(mllp) = self.mllp {
            add("mllp", mllp.to_string());
        }
        all
    }

    pub fn options(&self) -> crate::config::ServeOptions {
        crate::config::ServeOptions {
            role: Some(self.role.to_owned()),
            data: Some(self.data.clone()),
            name: Some(self.name.clone()),
            clues: Some(self.clues.clone()),
            zone: Some(self.zone.clone()),
            ..crate::config::ServeOptions::default()
        }
    }
}
