//! A service behind TLS that answers every request with the same, for measuring what a program's first requests cost it.

use std::{
    convert::Infallible,
    env, fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::reply::{Reply, read, reply};

/// The certificates that programs trust, where Debian and Amazon Linux have them. A program reads all of them.
const ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The longest body of a request.
const BODY_BYTES: usize = 1 << 20;

/// A service behind TLS. It ends when it is dropped.
pub(crate) struct Secure {
    url: String,
    folder: PathBuf,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    handshakes: AtomicUsize,
    claim: Notify,
}

impl Secure {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let folder = env::temp_dir().join(format!("aws-host-{}-{}", std::process::id(), address.port()));
        fs::create_dir_all(&folder)?;
        let acceptor = certify(&folder)?;
        let seen = Arc::new(Seen::default());
        let serving = tokio::spawn(serve(listener, acceptor, Arc::clone(&seen)));
        Ok(Self { url: format!("https://{address}"), folder, seen, serving })
    }

    /// The variables by which a program uses the service and trusts it.
    pub(crate) fn environment(&self) -> [(String, String); 2] {
        let trusted = self.folder.join("trusted.pem").display().to_string();
        [("AWS_ENDPOINT_URL".to_owned(), self.url.clone()), ("SSL_CERT_FILE".to_owned(), trusted)]
    }

    /// How many connections have been made.
    pub(crate) fn handshakes(&self) -> usize {
        self.seen.handshakes.load(Relaxed)
    }

    /// Waits for the first write to the ledger, which is a worker's claim.
    pub(crate) async fn claim(&self) {
        self.seen.claim.notified().await;
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a key and a certificate with `openssl`, and a file of all that a program trusts.
fn certify(folder: &Path) -> io::Result<TlsAcceptor> {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=aws-host", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()?;
    if !made.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
    }
    let mut trusted = fs::read(&certificate)?;
    if let Some(roots) = ROOTS.iter().find_map(|roots| fs::read(roots).ok()) {
        trusted.extend(roots);
    }
    fs::write(folder.join("trusted.pem"), trusted)?;
    let certificate = CertificateDer::from_pem_file(certificate).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            seen.handshakes.fetch_add(1, Relaxed);
            let service = service_fn(|request| {
                let seen = &seen;
                async move { Ok::<_, Infallible>(answer(request, seen).await) }
            });
            // The program has ended.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// What this answers is enough for a queue's URL, for an item that is not there, and for a dry run.
async fn answer(request: Request<Incoming>, seen: &Seen) -> Reply {
    let (head, body) = request.into_parts();
    read(body, BODY_BYTES).await;
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.starts_with("DynamoDB") && !target.ends_with("GetItem") {
        seen.claim.notify_one();
    }
    reply(StatusCode::OK, r#"{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/queue"}"#)
}
