//! Rest-hooks: what subscribers are told over HTTP, one subscriber's slowness apart from the others' (FHIR R4, subscription.html#rest-hook).
//!
//! A subscriber names any address, and this node stands inside a hospital's network: only public addresses are called, over TLS,
//! unless the operator has listed the host. What a name resolves to is checked when the connection is made, redirects are not followed.

use badiano_kernel::{Fault, Instant};
use badiano_record::Node;
use badiano_record::subscriptions::{Channel, Notification};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Subscribers that are told at the same time.
const AT_A_TIME: usize = 32;
/// Messages to one subscriber before others have their turn.
const MESSAGES_EACH: usize = 100;
/// How often it is looked whether something waits for its time.
const LOOK: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(5);

/// Calls the endpoints of subscribers.
#[derive(Clone)]
pub struct Notifier {
    /// For public addresses.
    guarded: Client,
    /// For listed hosts.
    open: Client,
    listed: Arc<HashSet<String>>,
}

impl Notifier {
    /// `listed`: hosts, `name` or `name:port`, that may have private addresses and no TLS.
    pub fn new(listed: &[String]) -> Result<Notifier, Fault> {
        let client = |builder: reqwest::ClientBuilder| {
            let builder = builder.no_proxy().redirect(reqwest::redirect::Policy::none());
            let built = builder.connect_timeout(CONNECT).build();
            built.map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))
        };
        Ok(Notifier {
            guarded: client(Client::builder().dns_resolver(Arc::new(PublicOnly)))?,
            open: client(Client::builder())?,
            listed: Arc::new(listed.iter().map(|host| host.to_ascii_lowercase()).collect()),
        })
    }

    fn is_listed(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or_default();
        self.listed.contains(&host) || self.listed.contains(&format!("{host}:{port}"))
    }

    /// Sends one message; every answer but success is a fault. What the endpoint answers is not read.
    pub async fn send(&self, message: &Notification) -> Result<(), Fault> {
        if message.channel == Channel::Websocket {
            return Ok(());
        }
        let url = Url::parse(&message.url).map_err(|_| Fault::invalid("the endpoint is no address"))?;
        let is_listed = self.is_listed(&url);
        if !is_listed {
            check(&url).await?;
        }
        if message.is_silent {
            return Ok(());
        }
        let client = if is_listed { &self.open } else { &self.guarded };
        let mut request = if message.is_put { client.put(url) } else { client.post(url) };
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        if let Some(kind) = &message.content_type {
            request = request.header("content-type", kind);
        }
        let deadline = Duration::from_secs(message.timeout);
        let answer = request.body(message.body.clone()).timeout(deadline).send().await;
        let status = answer.map_err(|e| unreachable(&e))?.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Fault::unavailable(format!("the endpoint answered {}", status.as_u16())))
    }
}

/// Tells whoever is to be told, until the process ends. `base` is this node's FHIR address.
pub async fn carry(node: &Node, notifier: &Notifier, base: &str) {
    let mut told = node.subscribers_told();
    let mut busy: HashSet<String> = HashSet::new();
    let mut tasks: JoinSet<String> = JoinSet::new();
    loop {
        while let Some(done) = tasks.try_join_next() {
            if let Ok(id) = done {
                busy.remove(&id);
            }
        }
        match node.due_subscriptions(Instant::now()) {
            Ok(due) => {
                for id in due {
                    if busy.len() < AT_A_TIME && busy.insert(id.clone()) {
                        let (node, notifier, base) = (node.clone(), notifier.clone(), base.to_owned());
                        tasks.spawn(async move { tell(&node, &notifier, &base, id).await });
                    }
                }
            }
            Err(fault) => tracing::warn!(%fault, "subscriptions cannot be read"),
        }
        tokio::select! {
            done = tasks.join_next(), if !tasks.is_empty() => {
                if let Some(Ok(id)) = done { busy.remove(&id); }
            }
            signal = told.changed() => if signal.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// One subscriber, in order, until it has heard everything or a try fails.
async fn tell(node: &Node, notifier: &Notifier, base: &str, id: String) -> String {
    for _ in 0..MESSAGES_EACH {
        let next = node.next_notification(&id, base, Instant::now()).await;
        let message = match next {
            Ok(Some(message)) if message.channel == Channel::RestHook || message.is_silent => message,
            Ok(_) => break,
            Err(fault) => {
                tracing::warn!(%fault, subscription = id, "a notification cannot be made");
                break;
            }
        };
        let outcome = notifier.send(&message).await;
        let failed = outcome.is_err();
        if let Err(fault) = node.notified(&message, outcome, Instant::now()).await {
            tracing::warn!(%fault, subscription = id, "how a notification went cannot be kept");
            break;
        }
        if failed {
            break;
        }
    }
    id
}

/// TLS, and an address that the whole world can reach.
async fn check(url: &Url) -> Result<(), Fault> {
    if url.scheme() != "https" {
        return Err(Fault::invalid("only https is called; the operator can list hosts without it"));
    }
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return if is_public(ip) { Ok(()) } else { Err(private()) };
    }
    resolve(host).await.map(|_| ())
}

fn private() -> Fault {
    Fault::invalid("the address is a private one; the operator can list the host")
}

async fn resolve(host: &str) -> Result<Vec<SocketAddr>, Fault> {
    let found = tokio::net::lookup_host((host, 443)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|_| Fault::unavailable("the endpoint's name is not known"))?.collect();
    if found.is_empty() || found.iter().any(|at| !is_public(at.ip())) {
        return Err(private());
    }
    Ok(found)
}

/// Resolves names to public addresses alone; the connection is made to what was checked.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = resolve(name.as_str()).await?;
            Ok(Box::new(found.into_iter().map(|at| SocketAddr::new(at.ip(), 0))) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet (IANA special-purpose registries, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

/// Global unicast (2000::/3), without documentation and the ranges that carry an IPv4 address inside.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    (0x2000..0x4000).contains(&a) && !special
}

fn unreachable(error: &reqwest::Error) -> Fault {
    Fault::unavailable(if error.is_timeout() {
        "the endpoint did not answer in time"
    } else if error.is_connect() {
        "the endpoint cannot be reached"
    } else {
        "the connection to the endpoint broke"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_called() {
        for public in ["8.8.8.8", "200.23.1.1", "2606:4700::1111", "2001:4860:4860::8888"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        let private = [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "ff02::1",
            "2001:db8::1",
        ];
        for private in private {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
    }

    #[tokio::test]
    async fn odd_spellings_of_a_private_address_are_seen_through() {
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://localhost/",
            "http://8.8.8.8/",
        ] {
            let url = Url::parse(url).expect("an address");
            assert!(check(&url).await.is_err(), "{url}");
        }
        assert!(check(&Url::parse("https://8.8.8.8/hook").expect("an address")).await.is_ok());
    }
}
