//! The library as other projects use it, in their own test functions.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use nslab::testbed::{self, IsolationError, Testbed, TestbedError};

/// ```text
/// client ---- router ---- server
///              masquerade
/// ```
const NAT: &str = "
nodes: { client: {}, router: { nat: { masquerade: { toward: server } } }, server: {} }
links: [{ between: [client, router] }, { between: [router, server] }]
";

#[test]
#[ignore = "kernel test: needs network namespaces"]
fn kernel_code_and_programs_run_on_the_nodes() -> testbed::Result {
    testbed::isolated(|| {
        let bed = Testbed::build(NAT)?;
        let server = bed.host("server")?;
        let client = bed.host("client")?;
        let listener = server.run(|| TcpListener::bind("0.0.0.0:80"))??;
        let to = (server.address(), 80);
        let greeted = client.spawn(move || {
            let mut text = String::new();
            TcpStream::connect(to)?.read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        })?;
        let (mut connection, from) = listener.accept()?;
        assert_ne!(from.ip(), client.address(), "the router translates");
        connection.write_all(b"hello")?;
        drop(connection);
        assert_eq!(greeted.join().expect("no panic")??, "hello");

        let mut listing = Command::new("cat");
        listing.arg("/proc/net/tcp");
        let listeners = |host: &nslab::testbed::Host, command| {
            host.output(command)
                .map(|output| String::from_utf8_lossy(&output.stdout).contains(":0050 00000000"))
        };
        assert!(listeners(server, listing)?);
        let mut elsewhere = Command::new("cat");
        elsewhere.arg("/proc/net/tcp");
        assert!(!listeners(client, elsewhere)?);
        Ok(())
    })
}

/// ```text
/// client ---+
/// router ---+ lan     its port 5353 leads to the server
/// server ---+         accepts queries only from the router
/// ```
const SERVICE: &str = "
segments: { lan: [client, router, server] }
nodes:
  client: {}
  router: { nat: { masquerade: { toward: server }, dnat: { port: 5353, protocol: udp, to: 'server:53' } } }
  server: { firewall: [{ name: others, drop: { port: 53, protocol: udp, from: client } }] }
expect: [server.rules.others.packets == 1]
";

#[test]
#[ignore = "kernel test: needs network namespaces"]
fn kernel_code_uses_segments_services_and_firewalls() -> testbed::Result {
    testbed::isolated(|| {
        let bed = Testbed::build(SERVICE)?;
        let (server, router) = (bed.host("server")?, bed.host("router")?);
        let dns = server.run(|| UdpSocket::bind("0.0.0.0:53"))??;
        let (direct, service) = ((server.address(), 53), (router.address(), 5353));
        let answer = bed.host("client")?.spawn(move || {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.send_to(b"direct", direct)?;
            socket.send_to(b"service", service)?;
            let mut answer = [0; 9];
            let (length, from) = socket.recv_from(&mut answer)?;
            Ok::<_, std::io::Error>((answer[..length].to_vec(), from))
        })?;
        let mut query = [0; 9];
        let (length, from) = dns.recv_from(&mut query)?;
        assert_eq!(
            (&query[..length], from.ip()),
            (b"service".as_slice(), router.address())
        );
        dns.send_to(b"answer", from)?;
        let (text, from) = answer.join().expect("no panic")??;
        assert_eq!(
            (text.as_slice(), from),
            (b"answer".as_slice(), service.into())
        );
        bed.finish()?.check()?;
        Ok(())
    })
}

const QUEUE: &str = "
nodes: { client: {}, server: {} }
links: [{ between: [client, server] }]
servers: { web: { node: server, port: 80, backlog: 8, accept: never } }
clients: { burst: { node: client, to: web, connect: { rate: 40/s, count: 20, timeout: 500ms } } }
";

#[test]
#[ignore = "kernel test: needs network namespaces"]
fn kernel_observations_are_judged() -> testbed::Result {
    testbed::isolated(|| {
        let text = format!("{QUEUE}expect: [burst.established == 9]");
        let observed = Testbed::build(&text)?.finish()?;
        observed.check()?;
        assert_eq!(observed.last("burst.established"), Some(9));

        // The opposite: an expectation that does not hold is reported with the observed value.
        let text = format!("{QUEUE}expect: [burst.established == 20]");
        let unmet = Testbed::build(&text)?.finish()?.check();
        let shown = unmet.expect_err("nine of twenty").to_string();
        assert!(shown.contains("burst.established was 9"), "{shown}");
        Ok(())
    })
}

#[test]
#[ignore = "kernel test: needs network namespaces"]
fn kernel_a_failure_inside_is_a_failure_outside() {
    let inside = || Err::<(), Box<dyn Error>>("the kernel behaves otherwise".into());
    let error = testbed::isolated(inside).expect_err("it fails");
    // Inside, the error passes unchanged, so only the outer one is checked.
    if let Some(IsolationError::Failed { output, .. }) = error.downcast_ref() {
        assert!(output.contains("the kernel behaves otherwise"), "{output}");
    } else {
        panic!("{error}");
    }
}

#[test]
#[ignore = "kernel test: needs network namespaces"]
fn kernel_a_program_that_daemonises_ends_with_the_test() -> testbed::Result {
    // A duration that no other program sleeps.
    const MARK: &str = "86397.25";
    testbed::isolated(|| {
        let bed = Testbed::build(NAT)?;
        let mut daemon = Command::new("setsid");
        daemon.args(["--fork", "sleep", MARK]);
        daemon.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(bed.host("client")?.output(daemon)?.status.success());
        assert!(is_running(MARK)?);
        Ok(())
    })?;
    // The inner process reaches this point, too, while the program still runs.
    if std::env::var_os("NSLAB_TESTBED").is_none() {
        assert!(!is_running(MARK)?);
    }
    Ok(())
}

fn is_running(argument: &str) -> std::io::Result<bool> {
    let listing = Command::new("ps").args(["-e", "-o", "args"]).output()?;
    Ok(String::from_utf8_lossy(&listing.stdout).contains(argument))
}

#[test]
fn mistakes_in_the_text_are_reported_before_anything_is_built() {
    let shown = |text: &str| Testbed::build(text).expect_err("a mistake").to_string();
    let unknown = shown("nodes: { client: {} }\nlinks: [{ between: [client, sever] }]");
    assert!(unknown.contains("sever"), "{unknown}");
    let several = shown(&format!("{NAT}variants: {{ a: {{}}, b: {{}} }}"));
    assert!(several.contains("2 runs"), "{several}");
    let bounded = Testbed::build("nodes: { client: { limits: { nofile: 64 } } }");
    assert!(matches!(bounded, Err(TestbedError::Nofile { .. })));
}
