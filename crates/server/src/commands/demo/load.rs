//! Loads the story's messages and studies through the doors, as any hospital system would: MLLP and STOW-RS.

use super::plan::Plan;
use badiano_kernel::{Fault, id};
use badiano_testkit::story::{Arrival, Visit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER_MAX: usize = 64 << 10;

pub async fn load(plan: &Plan, token: &str) -> Result<(), Fault> {
    let norte = &plan.nodes[1];
    let mllp = norte.mllp.ok_or_else(|| Fault::bug("a hospital has an MLLP door"))?;
    for arrival in &plan.story.arrivals {
        send_message(plan, arrival, mllp).await?;
    }
    let stow = format!("{}/dicomweb/studies", norte.pages());
    for visit in &plan.story.visits {
        send_study(plan, visit, &stow, token).await?;
    }
    Ok(())
}

async fn send_message(plan: &Plan, arrival: &Arrival, to: SocketAddr) -> Result<(), Fault> {
    let failed = |e: std::io::Error| Fault::unavailable(format!("MLLP: {e}"));
    let mut stream = TcpStream::connect(to).await.map_err(failed)?;
    let message = [&[0x0b][..], &plan.story.message(arrival), &[0x1c, 0x0d]].concat();
    stream.write_all(&message).await.map_err(failed)?;
    let mut answer = Vec::new();
    let read = async {
        let mut buffer = [0_u8; 4096];
        while !answer.ends_with(&[0x1c, 0x0d]) && answer.len() < ANSWER_MAX {
            match stream.read(&mut buffer).await.map_err(failed)? {
                0 => break,
                n => answer.extend_from_slice(&buffer[..n]),
            }
        }
        Ok::<(), Fault>(())
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .map_err(|_| Fault::unavailable("MLLP: no answer"))??;
    let text = String::from_utf8_lossy(&answer);
    // The messages ask for accept acknowledgements (MSH-15): commit accept, or AA from the original mode.
    if text.contains("MSA|CA") || text.contains("MSA|AA") {
        Ok(())
    } else {
        Err(Fault::bug("a message of the demo was not accepted"))
    }
}

async fn send_study(plan: &Plan, visit: &Visit, to: &str, token: &str) -> Result<(), Fault> {
    let study = plan.story.study(visit);
    let boundary = id::random_uuid();
    let mut body = Vec::new();
    for number in &visit.sent {
        if let Some(instance) = study.instance(*number) {
            body.extend_from_slice(
                format!("\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(&instance.file);
        }
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build();
    let client = client.map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))?;
    let answer = client
        .post(to)
        .bearer_auth(token)
        .header("content-type", format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"))
        .body(body)
        .send()
        .await
        .map_err(|e| Fault::unavailable(format!("STOW-RS: {e}")))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(Fault::bug(format!("a study of the demo was not stored ({})", answer.status().as_u16())))
    }
}
