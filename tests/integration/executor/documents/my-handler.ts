import { TaskHandlerRegistration } from "../../domain/worker";

export const myTaskHandler: TaskHandlerRegistration = {
  type: "my-task:process",
  timeout: 60000, // 1 minute timeout
  maxAttempts: 3,
  handler: async (context) => {
    const { task, workerId, isShuttingDown } = context;
    const { someData } = task.payload as { someData: string };

    // Check for graceful shutdown during long operations
    if (isShuttingDown()) {
      return {
        success: false,
        error: new Error("Worker shutting down")
      };
    }

    // Your task logic here
    const result = await processData(someData);

    return {
      success: true,
      result: { processed: true, output: result }
    };
  }
};
