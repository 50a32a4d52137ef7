package stagelock.interop;

import com.liferay.portal.kernel.module.util.SystemBundleProvider;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Filter;

/** 7.4 asks for the OSGi system bundle while its classes load; outside a portal this one stands in, with nothing in it. */
public final class NoBundle implements SystemBundleProvider {
  private final Bundle bundle;

  public NoBundle() {
    Object filter = Reflect.silent(Filter.class);
    Object context = Reflect.proxy(BundleContext.class, (self, method, args) ->
        method.getName().equals("createFilter") ? filter : Reflect.zero(method.getReturnType()));
    bundle = (Bundle) Reflect.proxy(Bundle.class, (self, method, args) ->
        method.getName().equals("getBundleContext") ? context : Reflect.zero(method.getReturnType()));
  }

  @Override
  public Bundle getSystemBundle() {
    return bundle;
  }

  /** The provider of the highest order wins. */
  @Override
  public int order() {
    return Integer.MAX_VALUE;
  }
}
