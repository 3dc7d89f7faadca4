import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** Counts checks, and names each that fails. */
final class Checks {
  private int passed;
  private int failed;

  void check(String name, boolean good, Object detail) {
    if (good) {
      passed++;
      System.out.println("ok   " + name);
    } else {
      failed++;
      System.out.println("FAIL " + name + ": " + detail);
    }
  }

  void equal(String name, Object expected, Object actual) {
    check(name, Objects.equals(expected, actual), "expected " + expected + ", got " + actual);
  }

  /** The call must fail with that exception, which may be wrapped. */
  void fails(String name, Class<? extends Throwable> expected, Callable<?> call) {
    try {
      Object value = call.call();
      check(name, false, "expected " + expected.getSimpleName() + ", got " + value);
    } catch (Exception error) {
      Throwable found = error instanceof ExecutionException ? error.getCause() : error;
      check(name, expected.isInstance(found),
          "expected " + expected.getSimpleName() + ", got " + found);
    }
  }

  /** Value of a call, null when it fails; the failure is a failed check. */
  <T> T works(String name, Callable<T> call) {
    try {
      T value = call.call();
      check(name, true, null);
      return value;
    } catch (Exception error) {
      check(name, false, error instanceof ExecutionException ? error.getCause() : error);
      return null;
    }
  }

  /** Prints the counts; the exit status. */
  int finish() {
    System.out.println(passed + " passed, " + failed + " failed");
    return failed == 0 ? 0 : 1;
  }
}
