// Drives IPVS by moby/ipvs, the library of Docker's swarm and of kube-proxy, as its own tests do: every scheduler for
// every kind of service in both families, every forwarding method for every server, timeouts, flush.
package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/moby/ipvs"
)

var schedulers = []string{"rr", "lc", "dh", "sh", "wlc", "wrr"}
var methods = []uint32{ipvs.ConnectionFlagMasq, ipvs.ConnectionFlagTunnel, ipvs.ConnectionFlagDirectRoute}

type family struct {
	number  uint16
	address string
	netmask uint32
	servers []string
}

var families = []family{
	{2, "1.2.3.4", 0xFFFFFFFF, []string{"10.1.1.2", "10.1.1.3", "10.1.1.4"}},
	{10, "2001:db8:3c4d:15::1a00", 128, []string{"2001:db8:3c4d:15::1a2b", "2001:db8:3c4d:15::1a2c"}},
}

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func expect(holds bool, what string, args ...interface{}) {
	if !holds {
		must(fmt.Errorf(what, args...), "expected")
	}
}

func service(kind string, f family, scheduler string) *ipvs.Service {
	s := &ipvs.Service{AddressFamily: f.number, SchedName: scheduler, Netmask: f.netmask}
	switch kind {
	case "FWM":
		s.FWMark = 1234
	case "TCP":
		s.Protocol, s.Port, s.Address = 6, 80, net.ParseIP(f.address)
	case "UDP":
		s.Protocol, s.Port, s.Address = 17, 53, net.ParseIP(f.address)
	}
	return s
}

func services(i *ipvs.Handle) {
	for _, kind := range []string{"TCP", "UDP", "FWM"} {
		for _, scheduler := range schedulers {
			for _, f := range families {
				s := service(kind, f, scheduler)
				must(i.NewService(s), "new service")
				expect(i.IsServicePresent(s), "%v is there", s)
				for _, other := range schedulers {
					s.SchedName = other
					must(i.UpdateService(s), "update service")
					found, err := i.GetService(s)
					must(err, "get service")
					expect(found.SchedName == other, "scheduler %s, not %s", other, found.SchedName)
					expect(found.Port == s.Port && found.Protocol == s.Protocol, "%v, not %v", s, found)
				}
				all, err := i.GetServices()
				must(err, "services")
				expect(len(all) == 1, "one service, not %d", len(all))
				must(i.DelService(s), "delete service")
				expect(!i.IsServicePresent(s), "%v is gone", s)
			}
		}
	}
	must(i.NewService(service("TCP", families[0], "rr")), "new service")
	must(i.NewService(service("UDP", families[1], "lc")), "new service")
	must(i.Flush(), "flush")
	all, err := i.GetServices()
	must(err, "services")
	expect(len(all) == 0, "nothing, not %d services", len(all))
}

func find(i *ipvs.Handle, s *ipvs.Service, d *ipvs.Destination) *ipvs.Destination {
	all, err := i.GetDestinations(s)
	must(err, "destinations")
	for _, one := range all {
		if one.Address.Equal(d.Address) && one.Port == d.Port {
			return one
		}
	}
	return nil
}

func destinations(i *ipvs.Handle) {
	for _, kind := range []string{"TCP", "UDP", "FWM"} {
		for _, f := range families {
			s := service(kind, f, "rr")
			must(i.NewService(s), "new service")
			s.SchedName = ""
			for _, method := range methods {
				for _, address := range f.servers {
					d := &ipvs.Destination{AddressFamily: f.number, Address: net.ParseIP(address), Port: 5000,
						Weight: 1, ConnectionFlags: method}
					must(i.NewDestination(s, d), "new destination")
					for _, other := range methods {
						d.ConnectionFlags = other
						must(i.UpdateDestination(s, d), "update destination")
						found := find(i, s, d)
						expect(found != nil && found.ConnectionFlags&7 == other, "method %d: %v", other, found)
					}
					must(i.DelDestination(s, d), "delete destination")
					expect(find(i, s, d) == nil, "%v is gone", d)
				}
			}
			must(i.DelService(s), "delete service")
		}
	}
}

func timeouts(i *ipvs.Handle) {
	must(i.SetConfig(&ipvs.Config{TimeoutTCP: 66 * time.Second, TimeoutTCPFin: 66 * time.Second,
		TimeoutUDP: 66 * time.Second}), "set config")
	must(i.SetConfig(&ipvs.Config{TimeoutTCP: 77 * time.Second, TimeoutUDP: 77 * time.Second}), "set config")
	found, err := i.GetConfig()
	must(err, "get config")
	expect(*found == ipvs.Config{TimeoutTCP: 77 * time.Second, TimeoutTCPFin: 66 * time.Second,
		TimeoutUDP: 77 * time.Second}, "77, 66, 77: %v", *found)
}

func main() {
	i, err := ipvs.New("")
	must(err, "open")
	services(i)
	destinations(i)
	timeouts(i)
	i.Close()
	fmt.Println("all as it should be")
}
