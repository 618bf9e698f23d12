//! Websockets of subscriptions: `bind ID` as FHIR R4 has it (subscription.html#websocket), `bind-with-token TOKEN` as the R5 backport has it.

use crate::caller::Caller;
use crate::gate::Gate;
use crate::reply::Refusal;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::Response;
use badiano_kernel::{Fault, Instant};
use badiano_record::subscriptions::Channel;
use std::time::Duration;
use tokio::time::timeout;

/// The path of the door.
pub const PATH: &str = "/fhir/$ws";
/// Subscriptions that one websocket may listen to.
const BOUND_MAX: usize = 100;
/// A socket that has bound nothing is closed after this.
const UNBOUND: Duration = Duration::from_secs(30);
/// How long a subscriber may take to accept a message.
const SENDING: Duration = Duration::from_secs(20);
/// How often it is looked whether something waits for its time, and a silent subscriber is asked whether it is there.
const LOOK: Duration = Duration::from_secs(5);
/// Longest text of a subscriber.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// The address of the door, of a base with `http` or `https`.
pub fn address(base: &str) -> String {
    format!("{}{PATH}", base.replacen("http", "ws", 1))
}

/// The token is the proof of who binds by it; `bind ID` needs a caller who is known by the request itself.
pub async fn open(
    State(gate): State<Gate>,
    upgrade: WebSocketUpgrade,
    parts: Parts,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&gate, &parts).ok();
    let base = caller.as_ref().map_or(&gate.options.address, |c| &c.base);
    let base = format!("{base}/fhir");
    let upgrade = upgrade.max_message_size(TEXT_BYTES_MAX).max_frame_size(TEXT_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| Listener { gate, caller, base, bound: Vec::new(), socket }.run()))
}

/// One subscriber's socket.
struct Listener {
    gate: Gate,
    caller: Option<Caller>,
    base: String,
    bound: Vec<String>,
    socket: WebSocket,
}

impl Listener {
    async fn run(mut self) {
        let mut told = self.gate.node.subscribers_told();
        let began = tokio::time::Instant::now();
        loop {
            if self.tell_all().await.is_err() || (self.bound.is_empty() && began.elapsed() > UNBOUND) {
                return;
            }
            let heard = tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.command(&text).await,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => Ok(()),
                },
                signal = told.changed() => signal.map_err(|_| ()),
                () = tokio::time::sleep(LOOK) => self.say(Message::Ping(Vec::new().into())).await,
            };
            if heard.is_err() {
                return;
            }
        }
    }

    async fn say(&mut self, message: Message) -> Result<(), ()> {
        timeout(SENDING, self.socket.send(message)).await.map_err(|_| ())?.map_err(|_| ())
    }

    async fn command(&mut self, text: &str) -> Result<(), ()> {
        let mut words = text.split_whitespace();
        let bound = match (words.next(), words.next()) {
            (Some("bind"), Some(id)) => self.bind(id.rsplit('/').next().unwrap_or(id)),
            (Some("bind-with-token"), Some(token)) => {
                match self.gate.node.take_ws_token(token, Instant::now()) {
                    Some(ids) => return self.bind_all(ids).await,
                    None => Err(Fault::forbidden("the token is not known, was used, or has run out")),
                }
            }
            _ => Err(Fault::invalid("say `bind ID` or `bind-with-token TOKEN`")),
        };
        let answer = match bound {
            Ok(id) => format!("bound {id}"),
            Err(fault) => format!("error {}", fault.text),
        };
        self.say(Message::Text(answer.into())).await
    }

    fn bind(&mut self, id: &str) -> Result<String, Fault> {
        let caller = self.caller.as_ref();
        let caller = caller.ok_or_else(|| Fault::unauthenticated("sign in, or bind with a token"))?;
        caller
            .gate
            .node
            .session(caller.principal.clone(), caller.purpose, Instant::now())
            .own_subscription(id)?;
        self.keep(vec![id.to_owned()]);
        Ok(id.to_owned())
    }

    async fn bind_all(&mut self, ids: Vec<String>) -> Result<(), ()> {
        for id in &ids {
            let bound = self.gate.node.ws_bound(id, &self.base, Instant::now());
            let text = bound.unwrap_or_else(|fault| format!("error {id}: {}", fault.text));
            self.say(Message::Text(text.into())).await?;
        }
        self.keep(ids);
        Ok(())
    }

    fn keep(&mut self, ids: Vec<String>) {
        for id in ids {
            if !self.bound.contains(&id) && self.bound.len() < BOUND_MAX {
                self.bound.push(id);
            }
        }
    }

    /// Tells what waits, in order; a message counts as told when the socket has taken it.
    async fn tell_all(&mut self) -> Result<(), ()> {
        for id in self.bound.clone() {
            loop {
                let next = self.gate.node.next_notification(&id, &self.base, Instant::now()).await;
                let message = match next {
                    Ok(Some(message)) if message.channel == Channel::Websocket => message,
                    Ok(_) => break,
                    Err(fault) => {
                        tracing::warn!(%fault, "a notification cannot be made");
                        break;
                    }
                };
                if !message.is_silent {
                    self.say(Message::Text(message.body.clone().into())).await?;
                }
                let kept = self.gate.node.notified(&message, Ok(()), Instant::now()).await;
                kept.map_err(|fault| tracing::warn!(%fault, "how a notification went cannot be kept"))?;
            }
        }
        Ok(())
    }
}
