"""A network of the lab's own: one namespace a node, one for the clients, joined by a bridge in a namespace that
leads nowhere else. Partitions are rules in the receiver's namespace, so each direction of each link can be cut alone.
Needs root and nftables; everything is gone with `close`.
"""

import itertools
import subprocess

PREFIX = "10.77.0."
CLIENTS = 0  # the clients' member number; nodes count from 1
PEER_PORT = 6092
PROXY_BASE = 17000  # the proxy towards node i listens at this + i, in each node's namespace
PROXY_MARK = 77     # on the proxy's own connections, which must not be led back to it

RULES = """
table inet chaos {
  set blocked { type ipv4_addr; }
  chain input { type filter hook input priority 0; policy accept; ip saddr @blocked drop; }
}
"""


def run(*words, stdin=None):
    result = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(str(word) for word in words)}: {result.stderr.strip()}")
    return result.stdout


def enter(space):
    """The words that run a command in that namespace. Not `ip -n`, which wants the root folder to be a mount of its own,
    as it is not in a chroot."""
    return ["nsenter", f"--net=/var/run/netns/{space}"]


class Network:
    def __init__(self, name, nodes):
        self.name = name
        self.nodes = nodes
        self.members = [CLIENTS, *range(1, nodes + 1)]
        self.blocked = set()  # (from, to)
        self.made = []
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        hub = self._namespace(f"{self.name}-hub")
        run(*enter(hub), "ip", "link", "add", "bridge", "type", "bridge")
        run(*enter(hub), "ip", "link", "set", "bridge", "up")
        for member in self.members:
            space = self._namespace(self.namespace(member))
            port = f"port{member}"
            run("ip", "link", "add", port, "netns", hub, "type", "veth", "peer", "name", "eth0", "netns", space)
            run(*enter(hub), "ip", "link", "set", port, "master", "bridge", "up")
            run(*enter(space), "ip", "addr", "add", f"{self.address(member)}/24", "dev", "eth0")
            run(*enter(space), "ip", "link", "set", "eth0", "up")
            run(*enter(space), "ip", "link", "set", "lo", "up")
            self._nft(member, RULES)

    def _namespace(self, name):
        run("ip", "netns", "add", name)
        self.made.append(name)
        return name

    def _nft(self, member, text):
        # nft wants a statement a line.
        text = text.replace("{ ", "{\n").replace("; ", ";\n").replace(" }", "\n}")
        run(*self.inside(member), "nft", "-f", "-", stdin=text)

    def namespace(self, member):
        return f"{self.name}-{'clients' if member == CLIENTS else f'n{member}'}"

    def address(self, member):
        return f"{PREFIX}{100 if member == CLIENTS else member}"

    def inside(self, member):
        """The words that run a command as that member."""
        return enter(self.namespace(member))

    # ---- partitions ----

    def block(self, pairs):
        """Packets of each (from, to) are dropped from now on, beside what is blocked already."""
        self._set_blocked(self.blocked | set(pairs))

    def unblock(self, pairs):
        self._set_blocked(self.blocked - set(pairs))

    def heal(self):
        self._set_blocked(set())

    def _set_blocked(self, wanted):
        for member in self.members:
            before = {a for a, b in self.blocked if b == member}
            after = {a for a, b in wanted if b == member}
            if before == after:
                continue
            text = "flush set inet chaos blocked\n"
            if after:
                elements = ", ".join(self.address(a) for a in sorted(after))
                text += f"add element inet chaos blocked {{{elements}}}\n"
            self._nft(member, text)
        self.blocked = set(wanted)

    @staticmethod
    def between(some, others):
        """Both directions of every link between two sets of members."""
        return {pair for a, b in itertools.product(some, others) if a != b for pair in ((a, b), (b, a))}

    # ---- the proxies ----

    def lead_through_proxies(self):
        """Each node's connections to its peers go through the proxy in its own namespace."""
        for node in range(1, self.nodes + 1):
            lines = [f"ip daddr {self.address(peer)} tcp dport {PEER_PORT} meta mark != {PROXY_MARK} "
                     f"redirect to :{PROXY_BASE + peer}"
                     for peer in range(1, self.nodes + 1) if peer != node]
            rules = "\n".join(lines)
            self._nft(node, "table ip proxies {\nchain output {\ntype nat hook output priority -100;\n"
                            f"{rules}\n}}\n}}\n")

    def close(self):
        for name in reversed(self.made):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self.made = []
