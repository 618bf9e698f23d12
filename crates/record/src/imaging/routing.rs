//! Where images go by themselves: routes by any attribute, earlier studies ahead of an appointment, and what a person sends; kept in
//! durable queues until the peer has taken each object (IHE RAD prefetch is local policy; C-STORE as SCU, PS3.4 annex B).

use super::attributes::number;
use super::retrieve::Outgoing;
use super::scheduled::worklist_entry;
use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::orders::{self, ScheduledStep, WorklistItem};
use crate::peers::{Peer, PeerKind};
use crate::queues::Item;
use crate::resources::Writer;
use crate::session::Session;
use badiano_dicom::coercion::When;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::tags;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Document, Expect, FoundRow, Tx, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

const KIND: &str = "route";
/// An object that waits for a peer: `route peer study sop`.
const OBJECT: &str = "route-object";
/// An errand that is in its queue: `route peer study`.
const ERRAND: &str = "route-errand";
/// The name under which a person's own sending stands where routes have theirs.
const BY_HAND: &str = "-";
const ROUTES_MAX: usize = 200;
/// Peers of one route.
const PEERS_MAX: usize = 20;
/// Objects of one errand that are looked up at a time.
pub const OBJECTS_AT_ONCE: usize = 2_000;
/// Rows of the list of what waits.
const WAITING_MAX: usize = 1_000;
/// Priorities: 1 goes first.
pub const PRIORITIES: std::ops::RangeInclusive<u8> = 1..=9;
const DAY_SECONDS: i64 = 86_400;

/// A route as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// Letters, digits, `.`, `-`, `_`; not `-` alone.
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default = "yes")]
    pub active: bool,
    /// Which objects, as they stand after the archive's corrections. With `priors`, which orders: `ae` is the scheduled station.
    #[serde(default)]
    pub when: When,
    /// AE titles of listed peers.
    pub to: Vec<String>,
    /// Local hours in which it sends; at any time where nothing is said.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// 1 (first) to 9.
    #[serde(default = "middle")]
    pub priority: u8,
    #[serde(default)]
    pub kilobytes_per_second: Option<u32>,
    /// Quiet seconds after the last object of a study before it is sent.
    #[serde(default = "settle")]
    pub settle_seconds: u32,
    /// Earlier studies of the person of an order, sent ahead of it.
    #[serde(default)]
    pub priors: Option<Priors>,
}

fn yes() -> bool {
    true
}
fn middle() -> u8 {
    5
}
fn settle() -> u32 {
    30
}

/// `HH:MM` to `HH:MM`, over midnight where the end is before the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub from: String,
    pub to: String,
}

/// Which earlier studies, and how long before the appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Priors {
    pub count: u8,
    /// Not older than so many months; of any age where nothing is said.
    #[serde(default)]
    pub months: Option<u16>,
    /// Modalities that count; that of the order where the list is empty.
    #[serde(default)]
    pub modalities: Vec<String>,
    #[serde(default)]
    pub hours_before: u16,
}

/// The routes that are on.
pub(crate) type ActiveRoutes = RwLock<Arc<Vec<Route>>>;

/// An errand as it waits in its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Errand {
    route: String,
    to: String,
    /// A study whose objects wait, or a scheduled step whose person's earlier studies are wanted.
    #[serde(default)]
    study: String,
    #[serde(default)]
    step: String,
}

/// What a worker does with an errand now.
pub enum Work {
    /// Later, and why.
    Wait(Instant, String),
    /// Nothing waits any more.
    Nothing,
    Send(Box<Sending>),
}

/// Objects on their way to one peer.
pub struct Sending {
    pub session: Session,
    pub objects: Vec<Outgoing>,
    pub kilobytes_per_second: Option<u32>,
    /// More are left than these.
    pub more: bool,
    keys: String,
}

/// An errand as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingErrand {
    pub id: u64,
    pub route: String,
    pub to: String,
    pub study: String,
    pub step: String,
    pub objects: usize,
    pub tries: u32,
    pub due: String,
    pub why: String,
    pub dead: bool,
}

/// The queue of one peer and priority.
pub fn route_queue(priority: u8, ae_title: &str) -> String {
    format!("route/{priority}/{ae_title}")
}

pub(crate) fn load(node: &Node) -> Result<(), Fault> {
    let active = kept(node)?.into_iter().filter(|r| r.active).collect();
    *node.routes().write().expect("no holder of the routes panics") = Arc::new(active);
    Ok(())
}

fn kept(node: &Node) -> Result<Vec<Route>, Fault> {
    let documents = node.store().read(|view| view.documents(KIND, ""))?;
    Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
}

impl Route {
    fn check(&self) -> Result<(), Fault> {
        let legible = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let wrong = |text: &str| Err(Fault::invalid(text.to_owned()));
        if self.name.is_empty()
            || self.name == BY_HAND
            || self.name.len() > 64
            || !self.name.chars().all(legible)
        {
            return wrong("a route's name has 1 to 64 letters, digits, «.», «-» or «_»");
        }
        if self.to.is_empty() || self.to.len() > PEERS_MAX {
            return wrong("a route leads to 1 to 20 peers");
        }
        if !PRIORITIES.contains(&self.priority) || self.kilobytes_per_second == Some(0) {
            return wrong("a priority is from 1 to 9, and a limit of bandwidth is more than nothing");
        }
        if i64::from(self.settle_seconds) > DAY_SECONDS {
            return wrong("a route waits at most a day for more objects");
        }
        if self.hours.as_ref().is_some_and(|h| minutes(&h.from).is_none() || minutes(&h.to).is_none()) {
            return wrong("hours are HH:MM to HH:MM");
        }
        if self.priors.as_ref().is_some_and(|p| p.count == 0 || p.count > 20) {
            return wrong("1 to 20 earlier studies are sent");
        }
        Ok(())
    }

    /// When it may send, from `now` on, by the clock of the place.
    fn opens(&self, now: Instant, zone: &str) -> Option<Instant> {
        let hours = self.hours.as_ref()?;
        let (from, to) = (minutes(&hours.from)?, minutes(&hours.to)?);
        let clock = now.to_compact_in(zone);
        let at = minutes(&format!("{}:{}", clock.get(8..10)?, clock.get(10..12)?))?;
        let open = if from <= to { (from..to).contains(&at) } else { at >= from || at < to };
        if open || from == to {
            return None;
        }
        Some(now.plus_seconds(((from + 1_440 - at) % 1_440) * 60))
    }
}

fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |t: &str, max: i64| (t.len() == 2).then(|| t.parse::<i64>().ok())?.filter(|n| (0..max).contains(n));
    Some(two(hours, 24)? * 60 + two(minutes, 60)?)
}

fn errand_key(route: &str, to: &str, study: &str) -> String {
    // AE titles may hold spaces.
    format!("{route}\n{to}\n{study}\n")
}

/// An object that was stored: each route that is for it takes it along.
pub(super) fn route_object(
    tx: &mut Tx<'_>,
    writer: &Writer,
    session: &Session,
    set: &DataSet,
    (study, sop): (&str, &str),
) -> Result<(), Fault> {
    let routes = session.node().routes().read().expect("no holder of the routes panics").clone();
    let institution = session.principal().institution().unwrap_or_default();
    for route in
        routes.iter().filter(|r| r.priors.is_none() && r.when.fits(set, session.sender(), institution))
    {
        // An object does not go back to where it came from.
        for to in route.to.iter().filter(|to| *to != session.sender()) {
            wait_for(tx, route, to, (study, sop), writer.now)?;
        }
    }
    Ok(())
}

fn wait_for(
    tx: &mut Tx<'_>,
    route: &Route,
    to: &str,
    (study, sop): (&str, &str),
    now: Instant,
) -> Result<(), Fault> {
    let key = errand_key(&route.name, to, study);
    tx.replace_document(OBJECT, &format!("{key}{sop}"), b"", now)?;
    let settled = now.plus_seconds(i64::from(route.settle_seconds));
    let standing = standing(tx, &key)?;
    // Written again only when it would make a difference, not with every slice.
    let fresh =
        standing.as_ref().is_some_and(|d| d.updated.plus_seconds(i64::from(route.settle_seconds / 2)) > now);
    match standing {
        Some(_) if fresh => Ok(()),
        Some(document) => tx.replace_document(ERRAND, &key, &document.body, now).map(drop),
        None => {
            let errand = Errand {
                route: route.name.clone(),
                to: to.to_owned(),
                study: study.to_owned(),
                step: String::new(),
            };
            put_errand(tx, &key, route.priority, &errand, settled, now)
        }
    }
}

/// The mark of an errand whose item waits for its time; one that waits for a person, or was thrown away, stands no more.
fn standing(tx: &Tx<'_>, key: &str) -> Result<Option<Document>, Fault> {
    let Some(document) = tx.document(ERRAND, key)? else { return Ok(None) };
    let item = std::str::from_utf8(&document.body).ok().and_then(|t| t.parse().ok()).unwrap_or(0);
    Ok(tx.queue_holds(item)?.then_some(document))
}

fn put_errand(
    tx: &mut Tx<'_>,
    key: &str,
    priority: u8,
    errand: &Errand,
    due: Instant,
    now: Instant,
) -> Result<(), Fault> {
    let body = serde_json::to_vec(errand).map_err(|_| Fault::bug("an errand is always printable"))?;
    let item = tx.enqueue(&route_queue(priority, &errand.to), "", &body, due)?;
    tx.replace_document(ERRAND, key, item.to_string().as_bytes(), now).map(drop)
}

/// An order was scheduled: earlier studies of its person are sent ahead, once a step.
pub(crate) fn prefetch(
    tx: &mut Tx<'_>,
    writer: &Writer,
    node: &Node,
    step: &ScheduledStep,
) -> Result<(), Fault> {
    let routes = node.routes().read().expect("no holder of the routes panics").clone();
    if routes.iter().all(|r| r.priors.is_none()) {
        return Ok(());
    }
    let Some(patient) = tx.get("Patient", &step.patient)? else { return Ok(()) };
    let mut set = worklist_entry(&WorklistItem { step: step.clone(), patient: patient.body });
    set.set_text(tags::MODALITY, &step.modality);
    for route in routes.iter() {
        let Some(priors) = &route.priors else { continue };
        if !route.when.fits(&set, &step.station_ae, &node.settings().clues) {
            continue;
        }
        for to in &route.to {
            let key = errand_key(&route.name, to, &format!("step {}", step.id));
            if tx.document(ERRAND, &key)?.is_some() {
                continue;
            }
            let errand = Errand {
                route: route.name.clone(),
                to: to.clone(),
                study: String::new(),
                step: step.id.clone(),
            };
            let ahead = moment(&step.start, &node.settings().zone)
                .map_or(writer.now, |start| start.plus_seconds(-3_600 * i64::from(priors.hours_before)));
            put_errand(tx, &key, route.priority, &errand, ahead.max(writer.now), writer.now)?;
        }
    }
    Ok(())
}

/// `YYYYMMDDHHMMSS` in the node's zone.
fn moment(compact: &str, zone: &str) -> Option<Instant> {
    let part =
        |range: std::ops::Range<usize>| compact.get(range).filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
    let text = format!(
        "{}-{}-{}T{}:{}:00",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10).unwrap_or("00"),
        part(10..12).unwrap_or("00")
    );
    badiano_kernel::time::Span::parse_fhir(&text, zone).map(|s| s.from)
}

impl Session {
    pub fn routes(&self) -> Result<Vec<Route>, Fault> {
        self.inspects("routes")?;
        kept(self.node())
    }

    /// Writes a route in the place of one of its name; each version is kept. Its peers must be listed.
    pub async fn put_route(&self, route: Route) -> Result<Route, Fault> {
        self.administers(Action::Write)?;
        route.check()?;
        for to in &route.to {
            listening(self.node(), to)?;
        }
        let writer = self.writer();
        let write = move |tx: &mut Tx<'_>| {
            if tx.document(KIND, &route.name)?.is_none() && tx.documents(KIND, "")?.len() >= ROUTES_MAX {
                return Err(Fault::too_costly("an archive keeps at most 200 routes"));
            }
            let body = serde_json::to_vec(&route).map_err(|_| Fault::bug("a route is always printable"))?;
            tx.put_document(KIND, &route.name, &body, Expect::Any, writer.now)?;
            let what = format!("{} {}", route.name, if route.active { "on" } else { "off" });
            writer.leaf(tx, Act::Update, "route", &[], &what)?;
            Ok(route)
        };
        let route = self.node().store().write(write).await?;
        load(self.node())?;
        Ok(route)
    }

    /// The listed peers that images can be sent to.
    pub fn destinations(&self) -> Result<Vec<Peer>, Fault> {
        self.may_see_images()?;
        self.note(Act::Read, "destinations", &[], "peers that listen")?;
        let all = self.node().peers(PeerKind::Dicom)?;
        Ok(all.into_iter().filter(|p| p.active && p.port != 0).collect())
    }

    /// A person sends a study to a peer, or sends it again. The answer is how many objects wait now.
    pub async fn send_study(&self, study: &str, to: &str) -> Result<usize, Fault> {
        let all = self.archived(study, None)?;
        let peer = listening(self.node(), to)?;
        let key = self.node().store().read(|view| {
            let pat = view.study_pat(study)?.unwrap_or(0);
            crate::patient_index::key_of(view, pat)
        })?;
        let key: Vec<String> = key.map(|k| k.id).into_iter().collect();
        let (writer, study, to) = (self.writer(), study.to_owned(), peer.name);
        let count = all.len();
        let write = move |tx: &mut Tx<'_>| {
            queue_whole(
                tx,
                &writer,
                BY_HAND,
                *PRIORITIES.start(),
                &to,
                (&study, all.iter().map(|i| i.sop.as_str())),
            )?;
            writer.leaf(tx, Act::Execute, "send-study", &key, &format!("{study} to {to}"))
        };
        self.node().store().write(write).await?;
        Ok(count)
    }

    /// Errands that wait, and why.
    pub fn waiting_errands(&self) -> Result<Vec<WaitingErrand>, Fault> {
        self.inspects("routes")?;
        let (all, patients) = self.node().store().read(|view| {
            let (mut all, mut patients) = (Vec::new(), BTreeSet::new());
            let of_routes = view.queue_items()?.into_iter().filter(|i| i.queue.starts_with("route/"));
            for item in of_routes.take(WAITING_MAX) {
                let Ok(errand) = serde_json::from_slice::<Errand>(&item.payload) else { continue };
                let keys = errand_key(&errand.route, &errand.to, &errand.study);
                let whose = view.study_pat(&errand.study)?;
                patients.extend(
                    whose.map(|p| crate::patient_index::key_of(view, p)).transpose()?.flatten().map(|k| k.id),
                );
                all.push(WaitingErrand {
                    id: item.id,
                    objects: if errand.study.is_empty() {
                        0
                    } else {
                        view.document_keys(OBJECT, &keys, OBJECTS_AT_ONCE)?.len()
                    },
                    route: errand.route,
                    to: errand.to,
                    study: errand.study,
                    step: errand.step,
                    tries: item.tries,
                    due: item.due.to_rfc3339(),
                    why: item.why,
                    dead: item.dead,
                });
            }
            Ok((all, patients))
        })?;
        // A study's UID leads to its patient.
        let patients: Vec<String> = patients.into_iter().collect();
        self.note(Act::Read, "waiting-errands", &patients, "studies that wait to be sent")?;
        Ok(all)
    }
}

fn listening(node: &Node, ae_title: &str) -> Result<Peer, Fault> {
    let peer = node.peer_named(PeerKind::Dicom, ae_title)?.filter(|p| p.port != 0);
    peer.ok_or_else(|| Fault::invalid("no listed peer listens under this AE title").at("to"))
}

/// All objects of a study wait for a peer, from now on.
fn queue_whole<'s>(
    tx: &mut Tx<'_>,
    writer: &Writer,
    route: &str,
    priority: u8,
    to: &str,
    (study, sops): (&str, impl Iterator<Item = &'s str>),
) -> Result<(), Fault> {
    let key = errand_key(route, to, study);
    for sop in sops {
        tx.replace_document(OBJECT, &format!("{key}{sop}"), b"", writer.now)?;
    }
    if standing(tx, &key)?.is_none() {
        let errand = Errand {
            route: route.to_owned(),
            to: to.to_owned(),
            study: study.to_owned(),
            step: String::new(),
        };
        put_errand(tx, &key, priority, &errand, writer.now, writer.now)?;
    }
    Ok(())
}

impl Node {
    /// What is to be done with an errand of a peer now.
    pub async fn route_work(&self, item: &Item, peer: &Peer, now: Instant) -> Result<Work, Fault> {
        let errand: Errand =
            serde_json::from_slice(&item.payload).map_err(|_| Fault::bug("an errand is always readable"))?;
        let route = kept(self)?.into_iter().find(|r| r.name == errand.route);
        let zone = &self.settings().zone;
        if let Some(until) = route.as_ref().and_then(|r| r.opens(now, zone)) {
            let from = route.as_ref().and_then(|r| r.hours.as_ref()).map_or("", |h| &h.from);
            return Ok(Work::Wait(until, format!("the route sends from {from} on")));
        }
        if !errand.step.is_empty() {
            self.send_priors(&errand, route.as_ref(), now).await?;
            return Ok(Work::Nothing);
        }
        let keys = errand_key(&errand.route, &errand.to, &errand.study);
        let standing = self.store().read(|view| view.document(ERRAND, &keys))?;
        let settle = route.as_ref().map_or(0, |r| i64::from(r.settle_seconds));
        let settled = standing.map_or(now, |d| d.updated.plus_seconds(settle));
        if settled > now {
            return Ok(Work::Wait(settled, "the study is still arriving".into()));
        }
        let waiting = self.store().read(|view| view.document_keys(OBJECT, &keys, OBJECTS_AT_ONCE + 1))?;
        let sops: Vec<String> = waiting
            .iter()
            .take(OBJECTS_AT_ONCE)
            .filter_map(|k| Some(k.rsplit_once('\n')?.1.to_owned()))
            .collect();
        if sops.is_empty() {
            return self.forget_errand(&keys).await.map(|()| Work::Nothing);
        }
        let principal = Principal::Peer { name: peer.name.clone(), institution: peer.institution.clone() };
        let session = self.session(principal, Purpose::Treatment, now);
        let named: Vec<_> = vec![
            (tags::STUDY_INSTANCE_UID, Condition::Single(errand.study.clone())),
            (tags::SOP_INSTANCE_UID, Condition::UidList(sops)),
        ];
        let query = Query {
            level: Level::Instance,
            conditions: named,
            combined_date_time: false,
            fuzzy: false,
            limit: OBJECTS_AT_ONCE,
            offset: 0,
        };
        let objects = session.retrievable(&query, None)?;
        if objects.is_empty() {
            return Err(Fault::forbidden("nothing of the study is here that this peer may have"));
        }
        Ok(Work::Send(Box::new(Sending {
            session,
            objects,
            kilobytes_per_second: route.and_then(|r| r.kilobytes_per_second),
            more: waiting.len() > OBJECTS_AT_ONCE,
            keys,
        })))
    }

    /// Objects that the peer has taken wait no more.
    pub async fn routed(&self, sending: &Sending, sops: Vec<String>) -> Result<(), Fault> {
        let keys = sending.keys.clone();
        self.store()
            .write(move |tx| {
                sops.iter().try_for_each(|sop| tx.drop_document(OBJECT, &format!("{keys}{sop}")))
            })
            .await
    }

    /// The errand waits for another moment, without having failed.
    pub async fn postpone(&self, item: &Item, until: Instant, why: String) -> Result<(), Fault> {
        let id = item.id;
        self.store().write(move |tx| tx.postpone(id, until, &why)).await
    }

    /// All was sent: the errand leaves its queue, unless more has come meanwhile.
    pub async fn errand_done(&self, item: &Item, sending: &Sending, now: Instant) -> Result<(), Fault> {
        let (id, keys) = (item.id, sending.keys.clone());
        self.store()
            .write(move |tx| {
                if tx.document_keys(OBJECT, &keys, 1)?.is_empty() {
                    tx.drop_document(ERRAND, &keys)?;
                    return tx.done(id);
                }
                tx.postpone(id, now, "more objects have come")
            })
            .await
    }

    async fn forget_errand(&self, keys: &str) -> Result<(), Fault> {
        let keys = keys.to_owned();
        self.store().write(move |tx| tx.drop_document(ERRAND, &keys)).await
    }

    /// Earlier studies of a step's person are put into the peer's queue.
    async fn send_priors(&self, errand: &Errand, route: Option<&Route>, now: Instant) -> Result<(), Fault> {
        let Some((route, priors)) = route.and_then(|r| Some((r.clone(), r.priors.clone()?))) else {
            return Ok(());
        };
        let writer = self.session(Principal::Job { name: "prefetch" }, Purpose::Operations, now).writer();
        let errand = errand.clone();
        self.store()
            .write(move |tx| {
                let Some(step) = orders::step_of(tx, &errand.step)? else { return Ok(()) };
                let studies = earlier(tx, &step, &priors, now)?;
                for study in &studies {
                    let sops: Vec<String> = tx.instances(study, None)?.into_iter().map(|i| i.sop).collect();
                    let whole = (study.as_str(), sops.iter().map(String::as_str));
                    queue_whole(tx, &writer, &route.name, route.priority, &errand.to, whole)?;
                }
                let what = format!("{} earlier studies to {}", studies.len(), errand.to);
                writer.leaf(tx, Act::Execute, "prefetch", std::slice::from_ref(&step.patient), &what)
            })
            .await
    }
}

/// The newest studies of a step's person that its route wants, without the step's own.
fn earlier(
    view: &View<'_>,
    step: &ScheduledStep,
    priors: &Priors,
    now: Instant,
) -> Result<Vec<String>, Fault> {
    let oldest =
        priors.months.map(|m| now.plus_seconds(-DAY_SECONDS * 30 * i64::from(m)).to_compact_in("UTC"));
    let oldest = oldest.as_deref().and_then(|o| o.get(..8)).unwrap_or_default().to_owned();
    let wanted = |modality: &String| match priors.modalities.is_empty() {
        true => *modality == step.modality,
        false => priors.modalities.contains(modality),
    };
    let date = |row: &FoundRow| {
        let found = row.attributes.iter().find(|(tag, _)| *tag == number(tags::STUDY_DATE));
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let all = view.studies_of(badiano_store::pat_of(&step.patient), &|_| true)?;
    Ok(all
        .into_iter()
        .filter(|s| s.study != step.study_uid && s.modalities.iter().any(wanted) && date(s) >= oldest)
        .take(usize::from(priors.count))
        .map(|s| s.study)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(hours: (&str, &str)) -> Route {
        let text =
            format!(r#"{{"name":"r","to":["A"],"hours":{{"from":"{}","to":"{}"}}}}"#, hours.0, hours.1);
        serde_json::from_str(&text).expect("a route")
    }

    #[test]
    fn a_route_opens_by_the_clock_of_the_place_also_over_midnight() {
        let at = |text: &str| Instant::parse_rfc3339(text).expect("a moment");
        let night = route(("22:00", "06:00"));
        assert_eq!(night.opens(at("2026-11-23T23:30:00Z"), "UTC"), None);
        assert_eq!(night.opens(at("2026-11-23T05:59:00Z"), "UTC"), None);
        assert_eq!(night.opens(at("2026-11-23T06:00:00Z"), "UTC"), Some(at("2026-11-23T22:00:00Z")));
        assert_eq!(night.opens(at("2026-11-23T06:00:00Z"), "America/Mexico_City"), None, "midnight there");
        let day = route(("08:00", "14:00"));
        assert_eq!(day.opens(at("2026-11-23T14:00:00Z"), "UTC"), Some(at("2026-11-24T08:00:00Z")));
        assert!(route(("25:00", "06:00")).check().is_err());
        assert!(route(("8:00", "06:00")).check().is_err());
    }

    #[test]
    fn the_start_of_a_step_is_a_moment_of_the_place() {
        let zone = "America/Mexico_City";
        assert_eq!(moment("20261123083000", zone), Instant::parse_rfc3339("2026-11-23T14:30:00Z"));
        assert_eq!(moment("mañana", zone), None);
    }
}
