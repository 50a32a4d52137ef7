package stagelock.interop;

import java.io.IOException;
import java.io.ObjectOutputStream;
import javax.servlet.Filter;
import javax.servlet.FilterChain;
import javax.servlet.FilterConfig;
import javax.servlet.ServletException;
import javax.servlet.ServletInputStream;
import javax.servlet.ServletRequest;
import javax.servlet.ServletResponse;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletRequestWrapper;
import javax.servlet.http.HttpServletResponse;

/** Does what the portal's verifier does before its servlet: asks the vendor's code who calls, and says so to the thread. */
final class Verifier implements Filter {
  static final ThreadLocal<Boolean> SERVING = ThreadLocal.withInitial(() -> false);

  private final Line line;
  private final Meter meter;

  Verifier(Line line, Meter meter) {
    this.line = line;
    this.meter = meter;
  }

  @Override
  public void init(FilterConfig config) {}

  @Override
  public void destroy() {}

  @Override
  public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain) throws IOException, ServletException {
    meter.request();
    long start = System.nanoTime();
    SERVING.set(true);
    try {
      serve((HttpServletRequest) request, (HttpServletResponse) response, chain);
    } catch (IOException | ServletException e) {
      throw e;
    } catch (Exception e) {
      throw new ServletException(e);
    } finally {
      SERVING.set(false);
      Server.USER.set(0L);
      meter.took(System.nanoTime() - start);
    }
  }

  private void serve(HttpServletRequest request, HttpServletResponse response, FilterChain chain) throws Exception {
    request.setAttribute("COMPANY_ID", Server.COMPANY);
    Long user = line.is62 ? verify62(request, response) : verify(request, response);
    if (user == null) return;
    permission(user);
    if (request.getMethod().equals("POST")) meter.doPost();
    chain.doFilter(new Counted(request), response);
  }

  /** Null: refused, the answer is written. 0: nobody, the servlet decides. */
  private Long verify(HttpServletRequest request, HttpServletResponse response) throws Exception {
    if (request.getHeader("Authorization") == null) return 0L;
    try {
      return (Long) Reflect.callStatic("com.liferay.portal.kernel.security.auth.tunnel.TunnelAuthenticationManagerUtil", "getUserId", request);
    } catch (UnsupportedOperationException e) {
      return 0L;
    } catch (Exception e) {
      if (!Reflect.type(line.auth + ".AuthException").isInstance(e)) throw e;
      ObjectOutputStream out = new ObjectOutputStream(response.getOutputStream());
      out.writeObject(e);
      out.flush();
      out.close();
      return null;
    }
  }

  /** 6.2's verifier is in the jar and writes its refusal itself. */
  private Long verify62(HttpServletRequest request, HttpServletResponse response) throws Exception {
    Object context = Reflect.make(line.auth + ".AccessControlContext");
    Reflect.call(context, "setRequest", request);
    Reflect.call(context, "setResponse", response);
    Object verifier = Reflect.make("com.liferay.portal.security.auth.TunnelingServletAuthVerifier");
    Object result = Reflect.call(verifier, "verify", context, new java.util.Properties());
    String state = String.valueOf(Reflect.call(result, "getState"));
    return state.equals("INVALID_CREDENTIALS") ? null : (Long) Reflect.call(result, "getUserId");
  }

  private void permission(long user) throws Exception {
    Server.USER.set(user);
    String permission = (line.is62 ? "com.liferay.portal" : "com.liferay.portal.kernel") + ".security.permission.";
    Object checker = Reflect.proxy(Reflect.type(permission + "PermissionChecker"), (self, method, args) -> {
      if (method.getName().equals("getUserId")) return user;
      if (method.getReturnType() == boolean.class) return user != 0;
      return Reflect.zero(method.getReturnType());
    });
    Reflect.callStatic(permission + "PermissionThreadLocal", "setPermissionChecker", checker);
  }

  /** Notes that the servlet asked for the body: from here on the stream is read. */
  private final class Counted extends HttpServletRequestWrapper {
    Counted(HttpServletRequest request) {
      super(request);
    }

    @Override
    public ServletInputStream getInputStream() throws IOException {
      meter.body();
      return super.getInputStream();
    }
  }
}
