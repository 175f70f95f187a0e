//! A collector over gRPC, and three that are none.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use super::{http::Manner, seen::Seen};

#[derive(Clone)]
pub struct GrpcCollector {
    pub endpoint: String,
    seen: Arc<Mutex<Seen>>,
    /// The header `x-token` of the last request.
    pub token: Arc<Mutex<Option<String>>>,
    manner: Arc<Mutex<Manner>>,
}

impl GrpcCollector {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let collector =
            Self { endpoint, seen: Arc::default(), token: Arc::default(), manner: Arc::new(Mutex::new(manner)) };
        let (traces, metrics) =
            (TraceServiceServer::new(collector.clone()), MetricsServiceServer::new(collector.clone()));
        let server = tonic::transport::Server::builder().add_service(traces).add_service(metrics);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        collector
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("nobody panicked").clone()
    }

    /// Behaves differently from here on.
    pub fn now(&self, manner: Manner) {
        *self.manner.lock().expect("nobody panicked") = manner;
    }

    fn manner(&self) -> Manner {
        *self.manner.lock().expect("nobody panicked")
    }

    async fn behave(&self) -> Result<(), Status> {
        match self.manner() {
            Manner::Answers | Manner::AnswersTraces => Ok(()),
            Manner::Refuses => Err(Status::permission_denied("not you")),
            Manner::AnswersAfter(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Manner::NeverAnswers => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl TraceService for GrpcCollector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.behave().await?;
        let token = request.metadata().get("x-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        *self.token.lock().expect("nobody panicked") = token;
        self.seen.lock().expect("nobody panicked").take_spans(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for GrpcCollector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.behave().await?;
        if matches!(self.manner(), Manner::AnswersTraces) {
            return Err(Status::unimplemented("traces only"));
        }
        self.seen.lock().expect("nobody panicked").take_metrics(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
