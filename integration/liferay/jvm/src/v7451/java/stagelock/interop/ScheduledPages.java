package stagelock.interop;

import com.liferay.exportimport.internal.messaging.LayoutsRemotePublisherMessageListener;
import com.liferay.portal.kernel.service.ServiceContext;
import com.liferay.portal.kernel.service.ServiceContextThreadLocal;
import java.util.Map;

/** The vendor's listener of a later build, but for one look at the guest user; the thread keeps the user that it has. */
public final class ScheduledPages extends LayoutsRemotePublisherMessageListener {
  @Override
  protected void initThreadLocals(long userId, Map<String, String[]> parameterMap) {
    ServiceContextThreadLocal.pushServiceContext(new ServiceContext());
  }
}
