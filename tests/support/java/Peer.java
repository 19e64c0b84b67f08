import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import net.i2p.I2PAppContext;
import net.i2p.client.I2PClient;
import net.i2p.client.I2PClientFactory;
import net.i2p.client.I2PSession;
import net.i2p.client.I2PSessionException;
import net.i2p.client.I2PSessionMuxedListener;
import net.i2p.client.I2PSimpleClient;
import net.i2p.client.datagram.I2PDatagramDissector;
import net.i2p.client.datagram.I2PDatagramMaker;
import net.i2p.client.streaming.I2PServerSocket;
import net.i2p.client.streaming.I2PSocket;
import net.i2p.client.streaming.I2PSocketManager;
import net.i2p.client.streaming.I2PSocketManagerFactory;
import net.i2p.client.streaming.I2PSocketOptions;
import net.i2p.crypto.Blinding;
import net.i2p.crypto.EncType;
import net.i2p.crypto.SigType;
import net.i2p.data.Base64;
import net.i2p.data.BlindData;
import net.i2p.data.Destination;
import net.i2p.data.Hash;
import net.i2p.data.PrivateKey;
import net.i2p.data.PublicKey;
import net.i2p.data.i2np.DeliveryStatusMessage;
import net.i2p.data.router.RouterIdentity;
import net.i2p.data.router.RouterInfo;
import net.i2p.router.OutNetMessage;
import net.i2p.router.Router;
import net.i2p.router.RouterContext;
import net.i2p.router.RouterLaunch;
import net.i2p.router.TunnelInfo;
import net.i2p.router.transport.ntcp.NTCPConnection;
import net.i2p.router.transport.ntcp.NTCPTransport;
import net.i2p.router.tunnel.pool.TunnelPool;

/**
 * A Java I2P router with local destinations, for the tests.
 *
 * <p>Argument: the router's folder. Prints {@code started}, then takes commands from standard input.
 * {@code learn FILE} puts a RouterInfo into the netDb and prints {@code learnt} with the file's name;
 * {@code dial FILE} also sends that router something.
 * {@code open DESTINATION...} opens any number of destinations. With {@code i2cp:HOST:PORT} and
 * destinations behind the folder no router is started, and they live on the one that is found there:
 *
 * <ul>
 *   <li>{@code server:NAME:PORT}: incoming streams go to 127.0.0.1:PORT;
 *   <li>{@code encrypted:NAME:PORT}: the same, with an encrypted lease set;
 *   <li>{@code twin:NAME:PORT}: the same for two destinations on one connection, the second one
 *       ({@code NAME-twin}) a subsession with the tunnels of the first;
 *   <li>{@code halfclose:NAME:PORT}: the same, but the visitor's end of data ends the whole stream;
 *   <li>{@code proxy:NAME:PORT}: an HTTP proxy on 127.0.0.1:PORT for b32 hosts, a stream a request;
 *   <li>{@code echo:NAME:0}: sends each repliable datagram back to its sender.
 * </ul>
 *
 * <p>A fourth part, {@code :HASH,HASH}, has the only routers that its tunnels lead through, and a
 * fifth, {@code :KEY=VALUE;KEY=VALUE}, further options of the session. A proxy with the options
 * {@code blinding.secret}, {@code blinding.dh} or {@code blinding.psk} tells the router of them before
 * it asks for an encrypted address. Keys are kept in {@code NAME.dat}.
 *
 * <p>Prints {@code ready NAME B32} when the lease set is signed, {@code refused NAME} for each try to
 * have a session in vain, {@code link in|out HASH} for each router that called or was called, and
 * {@code tunnel in|out HASH...} for each tunnel of this router, its hops in the order of the data.
 * {@code send PORT COUNT GAP B64} sends repliable datagrams from the echo destination; each datagram
 * received there is printed as {@code datagram NAME LENGTH TEXT}. Behind {@code i2cp:HOST:PORT},
 * {@code lookup NAME} asks without a session and prints {@code found NAME B64} or
 * {@code missed NAME}.
 */
public final class Peer {
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int HEAD_BYTES_MAX = 64 * 1024;
    private static final long CONNECT_TIMEOUT_MS = 60_000;
    private static final long DIAL_TIMEOUT_MS = 10_000;
    private static final long WATCH_EVERY_MS = 1_000;

    /** Of a destination in an argument; the last one may have colons. */
    private static final int PARTS_MAX = 5;

    /** A router accepts no tunnels in its first 90 seconds, whatever its settings say. */
    private static final long AGE_MS = 5 * 60_000;

    /** The router's launcher sends System.out to a file of its own. */
    private static final PrintStream OUT = System.out;

    /** Where I2CP is spoken over TCP; with no host, to the router in this process. */
    private static String routerHost;
    private static int routerPort;

    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        File folder = new File(arguments[0]);
        System.setProperty("i2p.dir.base", folder.getPath());
        System.setProperty("i2p.dir.config", folder.getPath());
        if (arguments.length > 1 && arguments[1].startsWith("i2cp:")) {
            runOver(arguments[1].split(":"), folder, arguments);
            return;
        }
        RouterLaunch.main(new String[0]);
        while (RouterContext.listContexts().isEmpty()
                || !RouterContext.listContexts().get(0).router().isAlive()) {
            Thread.sleep(50);
        }
        RouterContext context = RouterContext.listContexts().get(0);
        Router router = context.router();
        while (router.getRouterInfo() == null || router.getRouterInfo().getAddressCount() == 0) {
            Thread.sleep(50);
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> say("ending")));
        makeOlder(router);
        if (context.getBooleanProperty("peer.limits")) {
            limitNeighbours(context);
        }
        List<Echo> echoes = new ArrayList<>();
        run(() -> watch(router.getContext()));
        say("started");
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        String line;
        while ((line = in.readLine()) != null) {
            String[] words = line.split(" ");
            if (words[0].equals("open")) {
                for (int index = 1; index < words.length; index++) {
                    open(folder, words[index].split(":", PARTS_MAX), echoes);
                }
            } else if (words[0].equals("send")) {
                int count = Integer.parseInt(words[1]);
                int gapMs = Integer.parseInt(words[2]);
                run(() -> echoes.get(0).send(count, gapMs, new Destination(words[3])));
            } else if (words[0].equals("learn")) {
                run(() -> learn(context, new File(words[1])));
            } else if (words[0].equals("dial")) {
                run(() -> dial(context, new File(words[1])));
            }
        }
        router.shutdown(Router.EXIT_HARD);
    }

    /** As if it had been up for a while already. */
    private static void makeOlder(Router router) throws ReflectiveOperationException {
        Field started = Router.class.getDeclaredField("_started");
        started.setAccessible(true);
        started.setLong(router, started.getLong(router) - AGE_MS);
    }

    /** As on the real network: a router that may have local addresses has no limits otherwise. */
    private static void limitNeighbours(RouterContext context)
            throws ReflectiveOperationException {
        Object handler = valueOf(context.tunnelManager(), "_handler");
        String[][] limits = {
            {"_requestThrottler", "RequestThrottler"}, {"_throttler", "ParticipatingThrottler"}
        };
        for (String[] limit : limits) {
            Constructor<?> made =
                    Class.forName("net.i2p.router.tunnel.pool." + limit[1])
                            .getDeclaredConstructor(RouterContext.class);
            made.setAccessible(true);
            Field field = handler.getClass().getDeclaredField(limit[0]);
            field.setAccessible(true);
            field.set(handler, made.newInstance(context));
        }
    }

    private static Object valueOf(Object owner, String name) throws ReflectiveOperationException {
        Field field = owner.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(owner);
    }

    private static void open(File folder, String[] parts, List<Echo> echoes) throws Exception {
        byte[] keys = keys(new File(folder, parts[1] + ".dat"), signingType(parts[0]));
        Properties options = options(parts[0]);
        if (parts.length > 3 && !parts[3].isEmpty()) {
            options.setProperty("explicitPeers", parts[3]);
        }
        if (parts.length > 4) {
            for (String option : parts[4].split(";")) {
                String[] pair = option.split("=", 2);
                options.setProperty(pair[0], pair[1]);
            }
        }
        if (parts[0].equals("echo")) {
            echoes.add(new Echo(parts[1], keys, options));
        } else {
            int port = Integer.parseInt(parts[2]);
            run(() -> open(parts[0], parts[1], port, keys, options));
        }
    }

    /** Destinations on another router, by I2CP; ends with standard input. */
    private static void runOver(String[] address, File folder, String[] arguments)
            throws Exception {
        routerHost = address[1];
        routerPort = Integer.parseInt(address[2]);
        for (int index = 2; index < arguments.length; index++) {
            open(folder, arguments[index].split(":", PARTS_MAX), new ArrayList<>());
        }
        say("started");
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        String line;
        while ((line = in.readLine()) != null) {
            String[] words = line.split(" ");
            if (words[0].equals("lookup")) {
                run(() -> lookUp(words[1]));
            }
        }
    }

    /** Asks as a client does that has no destination of its own. */
    private static void lookUp(String name) throws Exception {
        Properties options = new Properties();
        options.setProperty(I2PClient.PROP_TCP_HOST, routerHost);
        options.setProperty(I2PClient.PROP_TCP_PORT, String.valueOf(routerPort));
        I2PSession session = new I2PSimpleClient().createSession((InputStream) null, options);
        session.connect();
        Destination found = session.lookupDest(name, CONNECT_TIMEOUT_MS);
        say(found == null ? "missed " + name : "found " + name + " " + found.toBase64());
        session.destroySession();
    }

    private static RouterInfo learn(RouterContext context, File file) throws Exception {
        try (FileInputStream in = new FileInputStream(file)) {
            RouterInfo info = new RouterInfo();
            info.readBytes(in);
            context.netDb().store(info.getIdentity().getHash(), info);
            say("learnt " + file.getName());
            return info;
        }
    }

    private static void dial(RouterContext context, File file) throws Exception {
        RouterInfo info = learn(context, file);
        DeliveryStatusMessage message = new DeliveryStatusMessage(context);
        long expires = context.clock().now() + DIAL_TIMEOUT_MS;
        message.setMessageId(1);
        message.setArrival(context.clock().now());
        message.setMessageExpiration(expires);
        context.outNetMessagePool().add(new OutNetMessage(context, message, expires, 400, info));
    }

    private static synchronized void say(String line) {
        OUT.println(line);
        OUT.flush();
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void run(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception error) {
                say("error " + error);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    /** Says what is new among links and tunnels, for as long as the router runs. */
    private static void watch(RouterContext context) throws Exception {
        Set<String> said = new HashSet<>();
        while (true) {
            List<String> lines = new ArrayList<>();
            NTCPTransport links = (NTCPTransport) context.commSystem().getTransports().get("NTCP");
            if (links != null) {
                for (NTCPConnection link : links.getPeers()) {
                    RouterIdentity remote = link.getRemotePeer();
                    if (remote != null) {
                        String way = link.isInbound() ? "in" : "out";
                        lines.add("link " + way + " " + remote.calculateHash().toBase64());
                    }
                }
            }
            List<TunnelPool> pools = new ArrayList<>();
            context.tunnelManager().listPools(pools);
            for (TunnelPool pool : pools) {
                for (TunnelInfo tunnel : pool.listTunnels()) {
                    lines.add(described(tunnel, context.routerHash()));
                }
            }
            lines.stream().filter(said::add).forEach(Peer::say);
            Thread.sleep(WATCH_EVERY_MS);
        }
    }

    private static String described(TunnelInfo tunnel, Hash own) {
        StringBuilder line = new StringBuilder("tunnel " + (tunnel.isInbound() ? "in" : "out"));
        for (int index = 0; index < tunnel.getLength(); index++) {
            Hash hop = tunnel.getPeer(index);
            if (!own.equals(hop)) {
                line.append(' ').append(hop.toBase64());
            }
        }
        return line.toString();
    }

    private static SigType signingType(String kind) {
        return kind.equals("encrypted")
                ? SigType.RedDSA_SHA512_Ed25519 : SigType.EdDSA_SHA512_Ed25519;
    }

    private static Properties options(String kind) {
        Properties options = new Properties();
        options.setProperty("inbound.length", "1");
        options.setProperty("outbound.length", "1");
        options.setProperty("inbound.quantity", "2");
        options.setProperty("outbound.quantity", "2");
        options.setProperty("i2cp.leaseSetEncType", "4");
        options.setProperty("i2cp.destination.sigType", signingType(kind).name());
        if (kind.equals("encrypted")) {
            options.setProperty("i2cp.leaseSetType", "5");
        }
        return options;
    }

    private static byte[] keys(File file, SigType signingType) throws Exception {
        if (!file.exists()) {
            try (FileOutputStream out = new FileOutputStream(file)) {
                I2PClientFactory.createClient().createDestination(out, signingType);
            }
        }
        try (FileInputStream in = new FileInputStream(file)) {
            return in.readAllBytes();
        }
    }

    private static void open(
            String kind, String name, int port, byte[] keys, Properties options)
            throws Exception {
        I2PSocketManager manager = null;
        while (manager == null) {
            manager = I2PSocketManagerFactory.createManager(
                    new ByteArrayInputStream(keys), routerHost, routerPort, options);
            if (manager == null) {
                say("refused " + name);
                Thread.sleep(500);
            }
        }
        Destination own = manager.getSession().getMyDestination();
        say("ready " + name + " " + (kind.equals("encrypted")
                ? Blinding.encode(
                        own.getSigningPublicKey(),
                        options.containsKey("i2cp.leaseSetSecret"),
                        options.containsKey("i2cp.leaseSetAuthType"))
                : own.toBase32()));
        if (kind.equals("proxy")) {
            proxy(manager, port, options);
        } else if (kind.equals("twin")) {
            I2PSession twin = manager.addSubsession(twinOf(keys, own), options);
            twin.connect();
            say("ready " + name + "-twin " + twin.getMyDestination().toBase32());
            serve(manager, port, false);
        } else {
            serve(manager, port, kind.equals("halfclose"));
        }
    }

    /** Other signing keys beside the encryption keys of the first: what a subsession must have. */
    private static InputStream twinOf(byte[] keys, Destination own) throws Exception {
        ByteArrayOutputStream made = new ByteArrayOutputStream();
        I2PClientFactory.createClient().createDestination(made, SigType.EdDSA_SHA512_Ed25519);
        byte[] twin = made.toByteArray();
        System.arraycopy(keys, 0, twin, 0, PublicKey.KEYSIZE_BYTES);
        System.arraycopy(keys, own.size(), twin, own.size(), PrivateKey.KEYSIZE_BYTES);
        return new ByteArrayInputStream(twin);
    }

    private static void serve(I2PSocketManager manager, int port, boolean endsWithVisitor)
            throws Exception {
        I2PServerSocket listener = manager.getServerSocket();
        while (true) {
            I2PSocket visitor = listener.accept();
            if (visitor == null) {
                continue;
            }
            run(() -> {
                try (Socket local = new Socket(InetAddress.getLoopbackAddress(), port)) {
                    run(() -> {
                        copy(visitor.getInputStream(), local.getOutputStream());
                        if (endsWithVisitor) {
                            visitor.close();
                        } else {
                            local.shutdownOutput();
                        }
                    });
                    copy(local.getInputStream(), visitor.getOutputStream());
                } finally {
                    visitor.close();
                }
            });
        }
    }

    private static void proxy(I2PSocketManager manager, int port, Properties known)
            throws Exception {
        try (ServerSocket listener = new ServerSocket(port, 100, InetAddress.getLoopbackAddress())) {
            while (true) {
                Socket local = listener.accept();
                run(() -> {
                    try (Socket asking = local) {
                        request(manager, asking, known);
                    }
                });
            }
        }
    }

    /** One request: the host of its absolute URI is connected, all later bytes go through. */
    private static void request(I2PSocketManager manager, Socket asking, Properties known)
            throws Exception {
        InputStream in = asking.getInputStream();
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        while (!head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
            int next = in.read();
            if (next < 0 || head.size() > HEAD_BYTES_MAX) {
                return;
            }
            head.write(next);
        }
        String text = head.toString(StandardCharsets.ISO_8859_1);
        int hostAt = text.indexOf("://") + 3;
        int pathAt = text.indexOf('/', hostAt);
        String host = text.substring(hostAt, pathAt);
        tellBlinding(manager.getSession(), host, known);
        Destination remote = manager.getSession().lookupDest(host, CONNECT_TIMEOUT_MS);
        if (remote == null) {
            answer(asking, "504 Not Found In NetDb");
            return;
        }
        I2PSocket stream;
        try {
            I2PSocketOptions options = manager.buildOptions();
            options.setConnectTimeout(CONNECT_TIMEOUT_MS);
            stream = manager.connect(remote, options);
        } catch (Exception error) {
            say("error connect " + error);
            answer(asking, "503 No Connection");
            return;
        }
        try {
            String method = text.substring(0, text.indexOf(' ') + 1);
            String rest = text.substring(pathAt).replaceFirst("\r\nProxy-Connection:[^\r]*", "");
            rest = rest.replaceFirst("\r\n", "\r\nConnection: close\r\n");
            OutputStream out = stream.getOutputStream();
            out.write((method + rest).getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
            run(() -> copy(in, out));
            copy(stream.getInputStream(), asking.getOutputStream());
        } finally {
            stream.close();
        }
    }

    /** What opens the encrypted lease set behind an address, where the options say it. */
    private static void tellBlinding(I2PSession session, String host, Properties known)
            throws Exception {
        String secret = known.getProperty("blinding.secret");
        String dh = known.getProperty("blinding.dh");
        String psk = known.getProperty("blinding.psk");
        if (secret == null && dh == null && psk == null) {
            return;
        }
        I2PAppContext context = I2PAppContext.getGlobalContext();
        BlindData address = Blinding.decode(context, host);
        int scheme = dh != null ? BlindData.AUTH_DH
                : psk != null ? BlindData.AUTH_PSK : BlindData.AUTH_NONE;
        PrivateKey key = scheme == BlindData.AUTH_NONE ? null
                : new PrivateKey(EncType.ECIES_X25519, Base64.decode(dh != null ? dh : psk));
        BlindData told = new BlindData(
                context, address.getUnblindedPubKey(), address.getBlindedSigType(), secret, scheme, key);
        told.setExpiration(context.clock().now() + CONNECT_TIMEOUT_MS);
        session.sendBlindingInfo(told);
    }

    private static void answer(Socket asking, String status) throws IOException {
        String text = "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        asking.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static void copy(InputStream in, OutputStream out) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        int length;
        while ((length = in.read(buffer)) >= 0) {
            out.write(buffer, 0, length);
            if (in.available() == 0) {
                out.flush();
            }
        }
        out.flush();
    }

    /** A destination of plain repliable datagrams. */
    private static final class Echo implements I2PSessionMuxedListener {
        private final String name;
        private final I2PSession session;

        Echo(String name, byte[] keys, Properties options) throws Exception {
            this.name = name;
            I2PClient client = I2PClientFactory.createClient();
            session = client.createSession(new ByteArrayInputStream(keys), options);
            session.addMuxedSessionListener(this, I2PSession.PROTO_DATAGRAM, I2PSession.PORT_ANY);
            run(() -> {
                while (session.isClosed()) {
                    try {
                        session.connect();
                    } catch (I2PSessionException error) {
                        Thread.sleep(500); // the router has no client manager yet
                    }
                }
                say("ready " + name + " " + session.getMyDestination().toBase32());
            });
        }

        void send(int count, int gapMs, Destination remote) throws Exception {
            for (int number = 0; number < count; number++) {
                deliver(remote, ("number " + number).getBytes(StandardCharsets.US_ASCII), 0, 0);
                Thread.sleep(gapMs);
            }
        }

        private void deliver(Destination remote, byte[] payload, int fromPort, int toPort)
                throws Exception {
            byte[] datagram = new I2PDatagramMaker(session).makeI2PDatagram(payload);
            session.sendMessage(
                    remote, datagram, 0, datagram.length, null, null, 0,
                    I2PSession.PROTO_DATAGRAM, fromPort, toPort);
        }

        @Override
        public void messageAvailable(
                I2PSession from, int id, long size, int protocol, int fromPort, int toPort) {
            try {
                byte[] message = from.receiveMessage(id);
                I2PDatagramDissector datagram = new I2PDatagramDissector();
                datagram.loadI2PDatagram(message);
                byte[] payload = datagram.getPayload();
                String text = new String(payload, StandardCharsets.ISO_8859_1);
                say("datagram " + name + " " + payload.length + " " + text);
                if (!text.regionMatches(true, 0, "number", 0, 6)) {
                    deliver(datagram.getSender(), payload, toPort, fromPort);
                }
            } catch (Exception error) {
                say("error datagram " + error);
            }
        }

        @Override
        public void messageAvailable(I2PSession from, int id, long size) {}

        @Override
        public void reportAbuse(I2PSession from, int severity) {}

        @Override
        public void disconnected(I2PSession from) {
            say("disconnected " + name);
        }

        @Override
        public void errorOccurred(I2PSession from, String message, Throwable error) {
            say("error session " + message);
        }
    }
}
