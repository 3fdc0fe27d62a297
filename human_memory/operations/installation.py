"""Operations on an installation: its namespaces, their parameters, rebuilds."""

from human_memory import models
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import (
    DeleteNamespaceRequest,
    NamespacesRequest,
    Nothing,
    SetParametersRequest,
)
from schemas.inbox import DeleteNamespace, SetParameters
from schemas.queries import Namespaces, ParametersQuery, RebuildQuery


async def parameters(request: Nothing, context: RequestContext) -> models.NamespaceParameters:
    """The model's parameters that hold in the namespace, set or by default."""
    return models.NamespaceParameters.model_validate(
        await context.ask(context.message(ParametersQuery))
    )


async def set_parameters(request: SetParametersRequest, context: RequestContext) -> models.Accepted:
    """The model's parameters of the namespace; those that are not named get their defaults."""
    command = context.message(SetParameters, request, idempotency_key=context.idempotency_key)
    await context.write(command)
    return models.Accepted(accepted=True)


async def namespaces(request: NamespacesRequest, context: RequestContext) -> models.Namespaces:
    """The namespaces of the installation by name, each with its counts."""
    return models.Namespaces.model_validate(await context.ask(context.message(Namespaces, request)))


async def delete_namespace(
    request: DeleteNamespaceRequest, context: RequestContext
) -> models.Accepted:
    """Delete the namespace with all that is in it; nothing brings it back.

    Raises:
        Rejected: its name is not repeated.
    """
    command = context.message(DeleteNamespace, request, idempotency_key=context.idempotency_key)
    command.require_confirmed()
    await context.write(command)
    return models.Accepted(accepted=True)


async def rebuild(request: Nothing, context: RequestContext) -> models.Rebuild:
    """The progress of a rebuild of the read side, if there is one."""
    return models.Rebuild.model_validate(await context.ask(context.message(RebuildQuery)))
