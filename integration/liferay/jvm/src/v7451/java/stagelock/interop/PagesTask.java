package stagelock.interop;

import com.liferay.exportimport.internal.background.task.LayoutRemoteStagingBackgroundTaskExecutor;
import com.liferay.portal.kernel.service.ServiceContext;
import com.liferay.portal.kernel.service.ServiceContextThreadLocal;

/** The vendor's executor of a later build, but for one look at the guest user, whom this build's kernel calls otherwise. */
public final class PagesTask extends LayoutRemoteStagingBackgroundTaskExecutor {
  @Override
  protected void initThreadLocals(long groupId, boolean privateLayout) {
    ServiceContextThreadLocal.pushServiceContext(new ServiceContext());
  }
}
