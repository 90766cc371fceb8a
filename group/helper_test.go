package group_test

import (
	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/discovery"
)

var anything discovery.Query

func hostInfo(h host.Host) hostid.AddrInfo { return hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }
