//! Fetches text over HTTP from a list of hosts: `{"url": "https://example.org/docs/a"}`. Feature `http`.
//!
//! A redirect is not followed: it is another call, which the supervisor rules on anew. A name on the list that leads to
//! a private address is refused, so that a list of names is not a way into the network the runtime runs in.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header, redirect,
};
use serde_json::{Map, Value, json};

use super::{Need, Tool, folder::text};

/// How much of an answer is read at most: 1 MB.
pub const FETCH_BYTES_MAX: usize = 1_000_000;

/// How long a call may take, from the name's resolution to the last byte: 20 s.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(20);

/// The tool `http_get`: needs `net.get:<host>[:<port>]/<path>`, answers with `status`, `content_type`, `content`,
/// whether it was `truncated`, and the `location` of a redirect.
#[derive(Clone, Debug)]
pub struct HttpGet {
    client: Client,
    origins: Arc<BTreeSet<String>>,
    max_bytes: usize,
}

/// Why the tool cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpGetError {
    /// What is listed is not a host.
    #[error("`{0}` is not a host: write it as in example.org, example.org:8443 or http://127.0.0.1:8080")]
    Host(String),
    /// The client cannot be made.
    #[error("the web client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

impl HttpGet {
    /// Fetches from these hosts and no others, under their own port: `example.org` is https on port 443; plain http and
    /// other ports are written out, as in `http://127.0.0.1:8080`. An address that is listed as such may be private;
    /// what a listed name leads to may not.
    ///
    /// # Errors
    /// If one of them is not a host.
    pub fn allowing<H: AsRef<str>>(hosts: impl IntoIterator<Item = H>) -> Result<Self, HttpGetError> {
        let origins = hosts.into_iter().map(|host| origin_of(host.as_ref())).collect::<Result<BTreeSet<_>, _>>()?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Public))
            .timeout(FETCH_TIMEOUT)
            // A connection ends with its call: nothing of an attempt outlives it.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("bailiwick/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, origins: Arc::new(origins), max_bytes: FETCH_BYTES_MAX })
    }

    /// Sets how much of an answer is read at most, in bytes (1 MB).
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    fn url(&self, args: &Map<String, Value>) -> Result<Url, String> {
        let text = text(args, "url")?;
        let url = Url::parse(text).map_err(|error| format!("`url`: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`url`: {} is neither http nor https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("`url`: a user does not belong into it".to_owned());
        }
        Ok(url)
    }
}

impl Tool for HttpGet {
    fn name(&self) -> &str {
        "http_get"
    }

    fn needs(&self, args: &Map<String, Value>) -> Result<Need, String> {
        let url = self.url(args)?;
        let mut path = authority(&url);
        // The parser has already walked `.` and `..`, however they were written.
        let mut segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
        segments.pop_if(|last| last.is_empty());
        for segment in segments {
            path.push('/');
            path.push_str(&plain(segment)?);
        }
        Ok(Need { resource: "net".into(), verb: "get".into(), path })
    }

    async fn run(&self, args: Map<String, Value>) -> Result<Value, String> {
        let url = self.url(&args)?;
        let origin = url.origin().ascii_serialization();
        if !self.origins.contains(&origin) {
            let listed = self.origins.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!("{origin} is not on the list; there is {listed}"));
        }
        let said = |error: reqwest::Error| format!("{origin}: {}", chain(&error.without_url()));
        let request = self.client.get(url).header(header::ACCEPT_ENCODING, "identity");
        let mut answer = request.send().await.map_err(said)?;
        let mut bytes = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = answer.chunk().await.map_err(said)? {
            let room = self.max_bytes - bytes.len();
            truncated = chunk.len() > room;
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if truncated {
                break;
            }
        }
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        Ok(json!({
            "status": answer.status().as_u16(),
            "content_type": header(header::CONTENT_TYPE),
            "location": header(header::LOCATION),
            "content": String::from_utf8_lossy(&bytes),
            "truncated": truncated,
        }))
    }
}

/// `example.org` as `https://example.org`: what the parser makes of the same address in a call.
fn origin_of(host: &str) -> Result<String, HttpGetError> {
    let wrong = || HttpGetError::Host(host.to_owned());
    let text = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
    let url = Url::parse(&text).map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !bare || !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    Ok(url.origin().ascii_serialization())
}

/// Host and, where it is not the scheme's own, port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A segment with its escapes undone, as permissions write it.
fn plain(segment: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = tail;
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => bytes.push(*first),
        }
    }
    let odd = || format!("`url`: `{segment}` cannot be said in a permission");
    let text = String::from_utf8(bytes).map_err(|_| odd())?;
    let is_odd = matches!(&*text, "" | "." | "..") || text.chars().any(|c| c.is_control() || "/\\%*".contains(c));
    if is_odd { Err(odd()) } else { Ok(text) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Resolves names to public addresses only. An address in a URL is not resolved: it stands on the list itself.
struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(format!("{} leads to no public address", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the open net: not of this machine, this network, or of a special use.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special =
                matches!((a, b, c), (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _) | (240.., ..));
            !(special
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // 2000::/3 is what is given out; of it, translations and tunnels can lead anywhere.
            let [a, b, ..] = v6.segments();
            let tunnel = a == 0x2002 || (a == 0x2001 && b < 0x0200) || (a == 0x2001 && b == 0x0db8);
            a & 0xe000 == 0x2000 && !tunnel
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(url: &str) -> Result<String, String> {
        let tool = HttpGet::allowing(["example.org"]).unwrap();
        tool.needs(json!({ "url": url }).as_object().unwrap()).map(|need| need.to_string())
    }

    #[test]
    fn a_call_needs_the_path_as_it_will_be_fetched() {
        for (url, need) in [
            ("https://example.org/docs/a?q=1#top", "net.get:example.org/docs/a"),
            ("https://EXAMPLE.org:443/", "net.get:example.org"),
            ("http://example.org:8080/a%20b", "net.get:example.org:8080/a b"),
            ("https://example.org/docs/../keys", "net.get:example.org/keys"),
            ("https://example.org/docs/%2e%2E/keys", "net.get:example.org/keys"),
            ("http://0x7f.1/", "net.get:127.0.0.1"),
            ("http://2130706433/", "net.get:127.0.0.1"),
        ] {
            assert_eq!(needs(url).as_deref(), Ok(need), "{url}");
        }
        for url in [
            "ftp://example.org/a",
            "file:///etc/passwd",
            "https://user:secret@example.org/",
            "https://example.org/a%2Fb",
            "https://example.org/a%00",
            "https://example.org/a//b",
            "nothing",
        ] {
            assert!(needs(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_list_names_hosts_and_nothing_else() {
        for host in ["example.org", "example.org:8443", "http://127.0.0.1:8080", "[::1]:80"] {
            assert!(HttpGet::allowing([host]).is_ok(), "{host}");
        }
        for host in ["", "example.org/docs", "ftp://example.org", "https://me@example.org", "a b"] {
            assert!(HttpGet::allowing([host]).is_err(), "{host}");
        }
    }

    #[test]
    fn only_addresses_of_the_open_net_are_public() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:2800:220:1::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fd00::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
