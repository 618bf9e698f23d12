//! C-STORE as SCP (PS3.4 annex B): the data set is streamed to storage, and success is answered when it is durable.

use super::answer;
use super::rim::Association;
use badiano_dicom::dimse::{Parameters, Request, Response, Status};
use badiano_kernel::{Fault, Purpose};
use badiano_record::imaging::Receiving;

/// One object on its way in.
pub(super) struct Storing {
    context: u8,
    request: Request,
    receiving: Result<Receiving, Fault>,
}

impl Storing {
    pub fn begin(association: &Association, context: u8, request: Request) -> Self {
        let receiving = open(association, context, &request);
        Storing { context, request, receiving }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        if let Ok(receiving) = &mut self.receiving
            && let Err(fault) = receiving.feed(bytes)
        {
            self.receiving = Err(fault);
        }
    }

    /// What is left to do when all bytes are in; the answer may be given when it has ended.
    pub fn finish(self) -> Stored {
        Box::pin(async move {
            let outcome = match self.receiving {
                Ok(receiving) => receiving.finish().await,
                Err(fault) => Err(fault),
            };
            let response = match outcome {
                Ok(_) => Response::to(&self.request, Status::SUCCESS),
                Err(fault) => answer::failure(&self.request, &fault),
            };
            (self.context, response)
        })
    }
}

/// An object that is becoming durable: its context and its answer.
pub(super) type Stored = std::pin::Pin<Box<dyn Future<Output = (u8, Response)> + Send>>;

fn open(association: &Association, context: u8, request: &Request) -> Result<Receiving, Fault> {
    let Parameters::CStore { sop_instance, .. } = &request.parameters else {
        return Err(Fault::invalid("not a C-STORE"));
    };
    let agreed =
        association.provider.context(context).ok_or_else(|| Fault::bug("a request has a context"))?;
    let calling = association.provider.negotiated().map(|n| n.calling.to_string()).unwrap_or_default();
    let principal =
        association.principal.clone().ok_or_else(|| Fault::unauthenticated("no association stands"))?;
    let session =
        association.gate.node.session(principal, Purpose::Treatment, badiano_kernel::Instant::now());
    session.receive_data_set(
        request.sop_class.as_str(),
        sop_instance.as_str(),
        agreed.transfer_syntax.as_str(),
        &calling,
    )
}
