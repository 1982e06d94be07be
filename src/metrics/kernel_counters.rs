//! The counters of the kernel that `nstat` prints, named by their prefix and their name in `/proc/net/snmp`,
//! `/proc/net/netstat` and `/proc/net/snmp6`.
//!
//! The names are those of Linux 4.9 to 6.18 (`net/ipv4/proc.c`, `net/ipv6/proc.c`, `net/mptcp/mib.c`). A newer
//! kernel may have more; a probe records any that it lists.

use super::SeriesKind;

/// Each prefix with the names behind it. A longer prefix stands before the shorter ones that it begins with.
pub(crate) const GROUPS: [(&str, &str); 12] = [
    (
        "MPTcpExt",
        "MPCapableSYNRX MPCapableSYNTX MPCapableSYNACKRX MPCapableACKRX MPCapableFallbackACK \
         MPCapableFallbackSYNACK MPCapableSYNTXDrop MPCapableSYNTXDisabled MPCapableEndpAttempt \
         MPFallbackTokenInit MPTCPRetrans MPJoinNoTokenFound MPJoinSynRx MPJoinSynBackupRx MPJoinSynAckRx \
         MPJoinSynAckBackupRx MPJoinSynAckHMacFailure MPJoinAckRx MPJoinAckHMacFailure MPJoinRejected \
         MPJoinSynTx MPJoinSynTxCreatSkErr MPJoinSynTxBindErr MPJoinSynTxConnectErr DSSNotMatching \
         DSSCorruptionFallback DSSCorruptionReset InfiniteMapTx InfiniteMapRx DSSNoMatchTCP DataCsumErr \
         OFOQueueTail OFOQueue OFOMerge NoDSSInWindow DuplicateData AddAddr AddAddrTx AddAddrTxDrop EchoAdd \
         EchoAddTx EchoAddTxDrop PortAdd AddAddrDrop MPJoinPortSynRx MPJoinPortSynAckRx MPJoinPortAckRx \
         MismatchPortSynRx MismatchPortAckRx RmAddr RmAddrDrop RmAddrTx RmAddrTxDrop RmSubflow MPPrioTx \
         MPPrioRx MPFailTx MPFailRx MPFastcloseTx MPFastcloseRx MPRstTx MPRstRx SubflowStale SubflowRecover \
         SndWndShared RcvWndShared RcvWndConflictUpdate RcvWndConflict MPCurrEstab Blackhole \
         MPCapableDataFallback MD5SigFallback DssFallback SimultConnectFallback FallbackFailed WinProbe",
    ),
    (
        "TcpExt",
        "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned \
         OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow \
         TSEcrRejected PAWSOldAck PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows \
         ListenDrops TCPHPHits TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging \
         TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo \
         TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures TCPFastRetrans TCPSlowStartRetrans \
         TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail \
         TCPRcvCollapsed TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv \
         TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed \
         TCPMemoryPressures TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo \
         TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged \
         TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop \
         IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail \
         TCPRcvCoalesce TCPOFOQueue TCPOFODrop TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive \
         TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail TCPFastOpenListenOverflow \
         TCPFastOpenCookieReqd TCPFastOpenBlackhole TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking \
         TCPFromZeroWindowAdv TCPToZeroWindowAdv TCPWantZeroWindowAdv TCPSynRetrans TCPOrigDataSent \
         TCPHystartTrainDetect TCPHystartTrainCwnd TCPHystartDelayDetect TCPHystartDelayCwnd \
         TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq TCPACKSkippedFinWait2 TCPACKSkippedTimeWait \
         TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered \
         TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig \
         TCPFastOpenPassiveAltKey TcpTimeoutRehash TcpDuplicateDataRehash TCPDSACKRecvSegs \
         TCPDSACKIgnoredDubious TCPMigrateReqSuccess TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad \
         TCPAOKeyNotFound TCPAOGood TCPAODroppedIcmps PAWSPassive TCPPrequeued TCPDirectCopyFromBacklog \
         TCPDirectCopyFromPrequeue TCPPrequeueDropped TCPHPHitsToUser TCPFACKReorder TCPForwardRetrans \
         TCPSchedulerFailed",
    ),
    (
        "Tcp",
        "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab \
         InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors",
    ),
    (
        "IpExt",
        "InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets \
         InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts \
         InECT0Pkts InCEPkts ReasmOverlaps",
    ),
    (
        "Ip6",
        "InReceives InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos InTruncatedPkts \
         InDiscards InDelivers OutForwDatagrams OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds \
         ReasmOKs ReasmFails FragOKs FragFails FragCreates InMcastPkts OutMcastPkts InOctets OutOctets \
         InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts \
         OutTransmits",
    ),
    (
        "Ip",
        "Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards \
         InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs \
         FragFails FragCreates OutTransmits",
    ),
    (
        "UdpLite6",
        "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors MemErrors",
    ),
    (
        "UdpLite",
        "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti \
         MemErrors",
    ),
    (
        "Udp6",
        "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti \
         MemErrors",
    ),
    (
        "Udp",
        "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti \
         MemErrors",
    ),
    (
        "Icmp6",
        "InMsgs InErrors OutMsgs OutErrors InCsumErrors OutRateLimitHost InDestUnreachs InPktTooBigs \
         InTimeExcds InParmProblems InEchos InEchoReplies InGroupMembQueries InGroupMembResponses \
         InGroupMembReductions InRouterSolicits InRouterAdvertisements InNeighborSolicits \
         InNeighborAdvertisements InRedirects InMLDv2Reports OutDestUnreachs OutPktTooBigs OutTimeExcds \
         OutParmProblems OutEchos OutEchoReplies OutGroupMembQueries OutGroupMembResponses \
         OutGroupMembReductions OutRouterSolicits OutRouterAdvertisements OutNeighborSolicits \
         OutNeighborAdvertisements OutRedirects OutMLDv2Reports",
    ),
    (
        "Icmp",
        "InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos \
         InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors \
         OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs \
         OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps",
    ),
];

/// Values that these files list beside counters: settings and states, recorded as they are (RFC 4293 `ipForwarding`,
/// `ipDefaultTTL`; RFC 4022 `tcpRtoAlgorithm` to `tcpCurrEstab`; Linux `net/mptcp/mib.c`).
const GAUGES: [&str; 8] = [
    "IpForwarding",
    "IpDefaultTTL",
    "TcpRtoAlgorithm",
    "TcpRtoMin",
    "TcpRtoMax",
    "TcpMaxConn",
    CURR_ESTAB,
    "MPTcpExtMPCurrEstab",
];
/// Connections that are established now.
pub(crate) const CURR_ESTAB: &str = "TcpCurrEstab";

/// Returns the kind of a counter's series.
pub(crate) fn kind(name: &str) -> SeriesKind {
    if GAUGES.contains(&name) {
        SeriesKind::Gauge
    } else {
        SeriesKind::Counter
    }
}

/// Returns true if a name is spelled like a counter of the kernel, which begins with a capital.
pub(crate) fn is_spelled_like_one(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
}

/// Returns true if some kernel has a counter of this name.
pub(crate) fn is_known(name: &str) -> bool {
    let Some((prefix, rest)) = split(name) else {
        return false;
    };
    is_icmp_type(prefix, rest) || all().any(|(group, known)| group == prefix && known == rest)
}

/// Splits a name into its prefix and the rest: `TcpExt` and `ListenDrops`.
pub(crate) fn split(name: &str) -> Option<(&'static str, &str)> {
    let prefixes = GROUPS.iter().map(|(prefix, _)| *prefix).chain(["IcmpMsg"]);
    let prefix = prefixes
        .filter(|prefix| name.starts_with(prefix))
        .max_by_key(|prefix| prefix.len())?;
    Some((prefix, &name[prefix.len()..]))
}

/// A counter that only counts IPv4: `UdpRcvbufErrors`. Those of TCP count both protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ipv4Counter {
    /// The counter of IPv6 with the same name, if there is one: `Udp6RcvbufErrors`.
    pub(crate) of_ipv6: Option<String>,
}

impl Ipv4Counter {
    /// Returns the counter with this name, if it only counts IPv4.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (prefix, rest) = split(name)?;
        let twin = match prefix {
            "Ip" | "IpExt" => "Ip6",
            "Udp" => "Udp6",
            "UdpLite" => "UdpLite6",
            "Icmp" | "IcmpMsg" => "Icmp6",
            _ => return None,
        };
        let of_ipv6 = Some(format!("{twin}{rest}")).filter(|meant| is_known(meant));
        (!GAUGES.contains(&name)).then_some(Self { of_ipv6 })
    }
}

/// Returns every prefix with every name behind it.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS
        .iter()
        .flat_map(|(prefix, names)| names.split(' ').map(move |name| (*prefix, name)))
}

/// Returns the file below `/proc/net` that lists the counters of a prefix.
pub(crate) fn file(prefix: &str) -> &'static str {
    match prefix {
        "TcpExt" | "IpExt" | "MPTcpExt" => "netstat",
        "Ip6" | "Icmp6" | "Udp6" | "UdpLite6" => "snmp6",
        _ => "snmp",
    }
}

/// `IcmpMsgInType3` and `Icmp6OutType133` exist once such a message was seen.
fn is_icmp_type(prefix: &str, rest: &str) -> bool {
    let number = rest.strip_prefix("InType").or(rest.strip_prefix("OutType"));
    matches!(prefix, "IcmpMsg" | "Icmp6")
        && number.is_some_and(|number| number.parse::<u8>().is_ok())
}
