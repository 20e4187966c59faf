/** The OpenAPI document, whose making is loaded when somebody asks for it. */
export async function loadOpenApi(): Promise<object> {
  const { openApiDocument } = await import('./openapi.ts');
  return openApiDocument();
}
