//! The library as other projects use it, in their own test functions.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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
