# SPDX-License-Identifier: Apache-2.0
#
# javac and java: the virtual machine's own mappings beside malloc, its compiler threads, direct buffers, zip and JNI.

tools=(java javac)
packages=(default-jdk-headless)
witness=(java javac)
limit=90

prepare() {
  cat >"$PROGRAM_SHARED/Work.java" <<'JAVA'
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

public class Work {
  record Item(int id, String name) {}

  static long task(int n, int seed) throws Exception {
    Map<String, List<Item>> map = new HashMap<>();
    for (int i = 0; i < n; i++)
      map.computeIfAbsent("k" + (i * 31 + seed) % 997, k -> new ArrayList<>()).add(new Item(i, "name" + i));
    long sum = map.size();
    for (int round = 0; round < 20; round++) {
      ByteBuffer direct = ByteBuffer.allocateDirect(200_000 + round);
      for (int i = 0; i < 10_000; i++) direct.putInt(i * seed % 251);
      direct.flip();
      CRC32 crc = new CRC32();
      crc.update(direct.duplicate());
      Deflater deflater = new Deflater(6);
      deflater.setInput(direct.duplicate());
      deflater.finish();
      byte[] packed = new byte[300_000];
      int length = deflater.deflate(packed);
      deflater.end();
      Inflater inflater = new Inflater();
      inflater.setInput(packed, 0, length);
      byte[] back = new byte[40_000];
      int count = inflater.inflate(back);
      inflater.end();
      CRC32 again = new CRC32();
      again.update(back, 0, count);
      if (again.getValue() != crc.getValue()) throw new IllegalStateException("round trip");
      sum = sum * 31 + crc.getValue();
    }
    return sum;
  }

  public static void main(String[] arguments) throws Exception {
    int n = Integer.parseInt(arguments[0]);
    ExecutorService pool = Executors.newFixedThreadPool(8);
    List<Future<Long>> results = new ArrayList<>();
    for (int t = 0; t < 16; t++) {
      final int seed = t;
      results.add(pool.submit(() -> task(n, seed)));
    }
    long total = 0;
    for (Future<Long> result : results) total = total * 17 + result.get();
    pool.shutdown();
    for (int i = 0; i < 300; i++) {
      Thread thread = new Thread(() -> new byte[1000].clone());
      thread.start();
      thread.join();
    }
    System.out.println(total);
  }
}
JAVA
}

run() {
  cp "$PROGRAM_SHARED/Work.java" .
  under 60 javac -d classes Work.java
  digest classes/*.class
  under 60 java -XX:+UseG1GC -Xmx512m -cp classes Work "$(pick 100000 30000)"
  under 60 java -XX:+UseSerialGC -Xmx256m -XX:TieredStopAtLevel=1 -cp classes Work "$(pick 50000 10000)"
}
