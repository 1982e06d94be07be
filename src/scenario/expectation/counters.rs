//! The counters that `nstat` prints: prefix and name as in `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/snmp6`.
//!
//! The names are those of Linux 4.9 to 6.18 (`net/ipv4/proc.c`, `net/ipv6/proc.c`, `net/mptcp/mib.c`). A newer kernel may have more, so a
//! name with a known prefix is not refused for being unknown, unless it looks like a slip of the fingers.

use crate::scenario::suggest;

/// Prefix, and the names behind it. Longer prefixes stand before those that they begin with.
const GROUPS: [(&str, &str); 12] = [
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

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Some kernel has it.
    Yes,
    /// It has the form of a counter: a newer kernel may have it.
    Perhaps,
    /// It is none; this one may have been meant.
    No(Option<String>),
}

/// Looks a name up: `TcpExtListenDrops`.
pub(crate) fn look_up(name: &str) -> Known {
    let Some((prefix, rest)) = split(name) else {
        return Known::No(by_suffix(name).or_else(|| nearest(name)));
    };
    if is_icmp_type(prefix, rest) {
        return Known::Yes;
    }
    if GROUPS
        .iter()
        .any(|(group, names)| *group == prefix && names.split(' ').any(|known| known == rest))
    {
        return Known::Yes;
    }
    if let Some(meant) = by_suffix(rest).or_else(|| slip(name)) {
        return Known::No(Some(meant));
    }
    let plausible = rest.len() >= 2
        && rest.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit())
        && rest.chars().all(|letter| letter.is_ascii_alphanumeric());
    if plausible {
        Known::Perhaps
    } else {
        Known::No(nearest(name))
    }
}

fn split(name: &str) -> Option<(&'static str, &str)> {
    let prefixes = GROUPS.iter().map(|(prefix, _)| *prefix).chain(["IcmpMsg"]);
    let prefix = prefixes
        .filter(|prefix| name.starts_with(prefix))
        .max_by_key(|prefix| prefix.len())?;
    Some((prefix, &name[prefix.len()..]))
}

/// `IcmpMsgInType3`, `Icmp6OutType133`: they exist once such a message was seen.
fn is_icmp_type(prefix: &str, rest: &str) -> bool {
    let number = rest.strip_prefix("InType").or(rest.strip_prefix("OutType"));
    matches!(prefix, "IcmpMsg" | "Icmp6")
        && number.is_some_and(|number| number.parse::<u8>().is_ok())
}

/// The counter whose name behind the prefix this is: `ListenDrops` is `TcpExtListenDrops`.
fn by_suffix(rest: &str) -> Option<String> {
    let lower = rest.to_lowercase();
    all()
        .find(|(_, name)| name.to_lowercase() == lower)
        .map(|(prefix, name)| format!("{prefix}{name}"))
}

/// A counter that differs by two letters at most.
fn slip(name: &str) -> Option<String> {
    all()
        .map(|(prefix, known)| format!("{prefix}{known}"))
        .find(|known| {
            known.len().abs_diff(name.len()) <= 2 && strsim::damerau_levenshtein(known, name) <= 2
        })
}

fn nearest(name: &str) -> Option<String> {
    let known: Vec<String> = all()
        .flat_map(|(prefix, known)| [format!("{prefix}{known}"), known.to_owned()])
        .collect();
    let meant = suggest::nearest(name, known.iter().map(String::as_str))?;
    by_suffix(meant).or_else(|| Some(meant.to_owned()))
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS
        .iter()
        .flat_map(|(prefix, names)| names.split(' ').map(move |name| (*prefix, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_old_and_new_kernels_are_known() {
        for name in [
            "TcpExtListenDrops",
            "TcpExtPAWSPassive",
            "TcpRetransSegs",
            "TcpCurrEstab",
            "IpExtInOctets",
            "Ip6InReceives",
            "UdpNoPorts",
            "IcmpMsgInType3",
            "MPTcpExtMPJoinSynRx",
            "TcpExtTCPTimeWaitOverflow",
        ] {
            assert_eq!(look_up(name), Known::Yes, "{name}");
        }
    }

    #[test]
    fn a_newer_kernels_counter_is_accepted_and_a_slip_is_not() {
        assert_eq!(look_up("TcpExtTCPQuantumLeaps"), Known::Perhaps);
        for (written, meant) in [
            ("TcpExtListenDrop", "TcpExtListenDrops"),
            ("ListenDrops", "TcpExtListenDrops"),
            ("TcpListenDrops", "TcpExtListenDrops"),
            ("TcpExtRetransSegs", "TcpRetransSegs"),
            ("tcpextlistendrops", "TcpExtListenDrops"),
        ] {
            assert_eq!(
                look_up(written),
                Known::No(Some(meant.to_owned())),
                "{written}"
            );
        }
        assert_eq!(look_up("humour"), Known::No(None));
    }
}
