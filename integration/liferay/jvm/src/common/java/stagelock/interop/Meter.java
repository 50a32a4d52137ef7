package stagelock.interop;

import java.io.ObjectInputFilter;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** Counts how far requests came. The JVM-wide filter sees every object that any stream reads, nested streams included. */
final class Meter {
  private final AtomicLong requests = new AtomicLong();
  private final AtomicLong doPost = new AtomicLong();
  private final AtomicLong bodies = new AtomicLong();
  private final AtomicLong streams = new AtomicLong();
  private final AtomicLong objects = new AtomicLong();
  private final AtomicLong slowest = new AtomicLong();

  Meter() {
    ObjectInputFilter.Config.setSerialFilter(info -> {
      if (Verifier.SERVING.get()) count(info);
      return ObjectInputFilter.Status.UNDECIDED;
    });
  }

  private void count(ObjectInputFilter.FilterInfo info) {
    objects.incrementAndGet();
    if (info.references() == 1 && info.depth() == 1 && info.serialClass() != null) streams.incrementAndGet();
  }

  void request() {
    requests.incrementAndGet();
  }

  void doPost() {
    doPost.incrementAndGet();
  }

  void body() {
    bodies.incrementAndGet();
  }

  void took(long nanos) {
    slowest.accumulateAndGet(nanos / 1_000_000, Math::max);
  }

  /** slowestMs is the longest time that one request held a thread of the servlet. */
  Map<String, Object> describe() {
    return Json.object("requests", requests.get(), "doPost", doPost.get(), "bodies", bodies.get(), "streams", streams.get(),
        "objects", objects.get(), "slowestMs", slowest.get());
  }

  void reset() {
    for (AtomicLong n : new AtomicLong[] {requests, doPost, bodies, streams, objects, slowest}) n.set(0);
  }
}
