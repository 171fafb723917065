// The Java client of ZooKeeper, unmodified, in what zkCli.sh does not use. Run by java_client_test.py
// from its source: java -cp ... java_client_test.java HOSTS MODE. Exit code 0: every check held.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.recipes.lock.WriteLock;
import org.apache.zookeeper.recipes.queue.DistributedQueue;

class JavaClientTest {
  static final byte[] NOTHING = {};

  /** States and events of one handle, in order. */
  static class Events implements Watcher {
    final LinkedBlockingQueue<KeeperState> states = new LinkedBlockingQueue<>();
    final LinkedBlockingQueue<String> nodes = new LinkedBlockingQueue<>();

    @Override
    public void process(WatchedEvent event) {
      if (event.getType() == EventType.None) {
        states.add(event.getState());
      } else {
        nodes.add(event.getType() + " " + event.getPath());
      }
    }

    void state(KeeperState wanted) throws Exception {
      for (KeeperState got = null; got != wanted; ) {
        got = states.poll(60, TimeUnit.SECONDS);
        check(got != null, "no state " + wanted + " within 60 s");
      }
    }

    void next(String... wanted) throws Exception {
      for (String one : wanted) equal(one, nodes.poll(60, TimeUnit.SECONDS));
    }

    void none() {
      check(nodes.isEmpty(), "nothing expected, but " + nodes);
    }
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static void equal(Object wanted, Object got) {
    check(wanted.equals(got), "wanted " + wanted + ", got " + got);
  }

  static void fails(Code code, Callable<?> call) throws Exception {
    try {
      call.call();
    } catch (KeeperException error) {
      equal(code, error.code());
      return;
    }
    throw new AssertionError(code + " expected");
  }

  static ZooKeeper connect(String hosts, Events events) throws Exception {
    ZooKeeper zk = new ZooKeeper(hosts, 20000, events);
    events.state(KeeperState.SyncConnected);
    return zk;
  }

  static String make(ZooKeeper zk, String path, CreateMode mode, Stat stat, long ttl) throws Exception {
    return zk.create(path, "x".getBytes(), Ids.OPEN_ACL_UNSAFE, mode, stat, ttl);
  }

  static void kinds(ZooKeeper zk) throws Exception {
    Stat stat = new Stat();
    int number = 0;
    make(zk, "/k", CreateMode.PERSISTENT, stat, -1);
    for (CreateMode mode : CreateMode.values()) {
      String name = "/k/" + mode + "-";
      String made = make(zk, name, mode, stat, mode.isTTL() ? 3600000 : -1);
      equal(mode.isSequential() ? name + String.format("%010d", number) : name, made);
      equal(mode.isEphemeral() ? zk.getSessionId() : 0L, stat.getEphemeralOwner());
      equal(stat, zk.exists(made, false));
      ++number;
    }
    equal(number, zk.getAllChildrenNumber("/k"));
    equal(2, zk.getEphemerals("/k").size());
    equal("ip", zk.whoAmI().get(0).getAuthScheme());
  }

  static void multis(ZooKeeper zk) throws Exception {
    List<OpResult> done = zk.multi(Arrays.asList(
        Op.create("/m", NOTHING, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
        Op.create("/m/c", NOTHING, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
        Op.create("/m/t", NOTHING, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 3600000),
        Op.setData("/m", "1".getBytes(), 0), Op.check("/m", 1), Op.delete("/m/c", 0)));
    equal("/m", ((OpResult.CreateResult) done.get(0)).getPath());
    equal(1, ((OpResult.SetDataResult) done.get(3)).getStat().getVersion());
    try {
      zk.multi(Arrays.asList(Op.delete("/m/t", -1), Op.check("/m", 9), Op.delete("/m", -1)));
      throw new AssertionError("a multi with a bad version went through");
    } catch (KeeperException error) {
      equal(Code.BADVERSION, error.code());
      List<Integer> codes = new ArrayList<>();
      for (OpResult one : error.getResults()) codes.add(((OpResult.ErrorResult) one).getErr());
      equal(Arrays.asList(0, Code.BADVERSION.intValue(), Code.RUNTIMEINCONSISTENCY.intValue()), codes);
    }
    // Reads together: each has an answer of its own.
    done = zk.multi(Arrays.asList(Op.getData("/m"), Op.getChildren("/m"), Op.getData("/none"),
        Op.getData("/m/t")));
    equal("1", new String(((OpResult.GetDataResult) done.get(0)).getData()));
    equal(Arrays.asList("t"), ((OpResult.GetChildrenResult) done.get(1)).getChildren());
    equal(Code.NONODE.intValue(), ((OpResult.ErrorResult) done.get(2)).getErr());
    equal(0, ((OpResult.GetDataResult) done.get(3)).getStat().getVersion());
    zk.transaction().delete("/m/t", 0).delete("/m", 1).commit();
  }

  static void watches(ZooKeeper zk, ZooKeeper other, Events events) throws Exception {
    make(other, "/w", CreateMode.PERSISTENT, null, -1);
    zk.addWatch("/w", events, AddWatchMode.PERSISTENT_RECURSIVE);
    make(other, "/w/a", CreateMode.PERSISTENT, null, -1);
    make(other, "/w/a/b", CreateMode.EPHEMERAL, null, -1);
    other.setData("/w/a/b", NOTHING, -1);
    other.multi(Arrays.asList(Op.delete("/w/a/b", -1), Op.delete("/w/a", -1)));
    other.setData("/w", NOTHING, -1);
    events.next("NodeCreated /w/a", "NodeCreated /w/a/b", "NodeDataChanged /w/a/b",
        "NodeDeleted /w/a/b", "NodeDeleted /w/a", "NodeDataChanged /w");
    zk.removeWatches("/w", events, WatcherType.Any, false);
    events.next("PersistentWatchRemoved /w");
    fails(Code.NOWATCHER, () -> {
      zk.removeWatches("/w", events, WatcherType.Any, false);
      return null;
    });
    zk.addWatch("/w", events, AddWatchMode.PERSISTENT);
    other.setData("/w", NOTHING, -1);
    make(other, "/w/a", CreateMode.PERSISTENT, null, -1);
    other.setData("/w/a", NOTHING, -1);
    other.delete("/w/a", -1);
    events.next("NodeDataChanged /w", "NodeChildrenChanged /w", "NodeChildrenChanged /w");
    zk.removeAllWatches("/w", WatcherType.Any, false);
    events.next("PersistentWatchRemoved /w");
    // A write's own event comes before its reply is seen.
    zk.exists("/w/own", events);
    make(zk, "/w/own", CreateMode.PERSISTENT, null, -1);
    events.next("NodeCreated /w/own");
    zk.getData("/w/own", events, null);
    zk.getChildren("/w/own", events);
    zk.delete("/w/own", -1);
    events.next("NodeDeleted /w/own");
    zk.delete("/w", -1);
    events.none();
  }

  static void pipeline(ZooKeeper zk) throws Exception {
    final int count = 2000;
    CountDownLatch left = new CountDownLatch(2 * count);
    List<String> order = new ArrayList<>();  // Of the event thread.
    for (int n = 0; n < count; ++n) {
      String path = "/p-" + n;
      zk.create(path, NOTHING, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL, (rc, p, ctx, name, stat) -> {
        order.add("create " + rc + " " + name);
        left.countDown();
      }, null);
      zk.exists(path, false, (rc, p, ctx, stat) -> {
        order.add("exists " + rc + " " + p);
        left.countDown();
      }, null);
    }
    check(left.await(60, TimeUnit.SECONDS), left.getCount() + " answers are missing");
    for (int n = 0; n < count; ++n) {
      equal("create 0 /p-" + n, order.get(2 * n));
      equal("exists 0 /p-" + n, order.get(2 * n + 1));
    }
  }

  static void recipes(ZooKeeper zk, ZooKeeper other) throws Exception {
    WriteLock held = new WriteLock(zk, "/lock", Ids.OPEN_ACL_UNSAFE);
    WriteLock waits = new WriteLock(other, "/lock", Ids.OPEN_ACL_UNSAFE);
    CountDownLatch acquired = new CountDownLatch(1);
    waits.setLockListener(new org.apache.zookeeper.recipes.lock.LockListener() {
      @Override
      public void lockAcquired() {
        acquired.countDown();
      }

      @Override
      public void lockReleased() {}
    });
    check(held.lock(), "a free lock was not given");
    check(!waits.lock() && acquired.getCount() == 1, "a held lock was given");
    held.unlock();
    check(acquired.await(60, TimeUnit.SECONDS), "the lock was not passed on");
    waits.unlock();
    DistributedQueue in = new DistributedQueue(zk, "/queue", Ids.OPEN_ACL_UNSAFE);
    DistributedQueue out = new DistributedQueue(other, "/queue", Ids.OPEN_ACL_UNSAFE);
    for (int n = 0; n < 20; ++n) in.offer(("" + n).getBytes());
    for (int n = 0; n < 20; ++n) equal("" + n, new String(out.take()));
  }

  static void lostSession(String hosts) throws Exception {
    Events mine = new Events();
    Events thief = new Events();
    ZooKeeper zk = connect(hosts, mine);
    make(zk, "/gone", CreateMode.EPHEMERAL, null, -1);
    ZooKeeper again = new ZooKeeper(hosts, 20000, thief, zk.getSessionId(), zk.getSessionPasswd());
    thief.state(KeeperState.SyncConnected);
    equal(zk.getSessionId(), again.getSessionId());
    again.close();
    mine.state(KeeperState.Expired);
    fails(Code.SESSIONEXPIRED, () -> zk.exists("/gone", false));
    Events late = new Events();
    ZooKeeper wrong = new ZooKeeper(hosts, 20000, late, zk.getSessionId(), new byte[16]);
    late.state(KeeperState.Expired);
    wrong.close();
    ZooKeeper third = connect(hosts, new Events());
    check(third.exists("/gone", false) == null, "an ephemeral outlived its session");
    third.close();
  }

  static void operations(String hosts) throws Exception {
    Events events = new Events();
    ZooKeeper zk = connect(hosts, events);
    ZooKeeper other = connect(hosts, new Events());
    kinds(zk);
    multis(zk);
    watches(zk, other, events);
    pipeline(zk);
    recipes(zk, other);
    zk.close();
    equal(0, other.getEphemerals().size());
    ZooKeeper rooted = connect(hosts + "/k", events);
    equal("/rooted", make(rooted, "/rooted", CreateMode.PERSISTENT, null, -1));
    check(other.exists("/k/rooted", false) != null, "a chroot was not heeded");
    rooted.close();
    other.close();
    lostSession(hosts);
  }

  /** Goes through a restart of its server with more watches than one packet takes. */
  static void stay(String hosts) throws Exception {
    final int count = 1500;
    final String filler = new String(new char[120]).replace('\0', 'n');
    Events events = new Events();
    ZooKeeper zk = connect(hosts, events);
    final long session = zk.getSessionId();
    make(zk, "/stay", CreateMode.PERSISTENT, null, -1);
    make(zk, "/stay/mine", CreateMode.EPHEMERAL, null, -1);
    CountDownLatch left = new CountDownLatch(count);
    for (int n = 0; n < count; ++n) {
      zk.exists("/stay/" + n + filler, events, (rc, path, ctx, stat) -> left.countDown(), null);
    }
    check(left.await(60, TimeUnit.SECONDS), "watches are missing");
    zk.getChildren("/stay", events);
    zk.addWatch("/stay/mine", events, AddWatchMode.PERSISTENT_RECURSIVE);
    System.out.println("ready");
    events.state(KeeperState.Disconnected);
    events.state(KeeperState.SyncConnected);
    equal(session, zk.getSessionId());
    equal(session, zk.exists("/stay/mine", false).getEphemeralOwner());
    events.none();
    for (int n : new int[] {0, 700, count - 1}) {
      make(zk, "/stay/" + n + filler, CreateMode.PERSISTENT, null, -1);
      events.next("NodeCreated /stay/" + n + filler);
      if (n == 0) events.next("NodeChildrenChanged /stay");
    }
    for (int n = 0; n < 2; ++n) {
      zk.setData("/stay/mine", NOTHING, n);
      events.next("NodeDataChanged /stay/mine");
    }
    zk.close();
    events.next("NodeDeleted /stay/mine");
  }

  /** Creates nodes one by one whatever happens to the servers; the session and all of them stay. */
  static void write(String hosts, int count) throws Exception {
    Events events = new Events();
    ZooKeeper zk = connect(hosts, events);
    final long session = zk.getSessionId();
    make(zk, "/jw", CreateMode.PERSISTENT, null, -1);
    make(zk, "/jw-mine", CreateMode.EPHEMERAL, null, -1);
    zk.exists("/jw-last", events);
    for (int n = 0; n < count; ++n) {
      for (boolean done = false; !done; ) {
        try {
          make(zk, "/jw/" + n, CreateMode.PERSISTENT, null, -1);
          done = true;
        } catch (KeeperException.NodeExistsException error) {
          done = true;  // The lost reply was of a write that had happened.
        } catch (KeeperException.ConnectionLossException error) {
          events.state(KeeperState.SyncConnected);
        }
      }
      if (n == 20) System.out.println("ready");
    }
    make(zk, "/jw-last", CreateMode.PERSISTENT, null, -1);
    events.next("NodeCreated /jw-last");
    equal(count, zk.getChildren("/jw", false).size());
    equal(session, zk.getSessionId());
    equal(session, zk.exists("/jw-mine", false).getEphemeralOwner());
    check(!events.states.contains(KeeperState.Expired), "the session was lost");
    zk.close();
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments[1].equals("operations")) {
      operations(arguments[0]);
    } else if (arguments[1].equals("stay")) {
      stay(arguments[0]);
    } else {
      write(arguments[0], 2000);
    }
    System.exit(0);
  }
}
